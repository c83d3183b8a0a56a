-- Stored in Web Mercator.
CREATE TABLE odd.web_mercator (id integer PRIMARY KEY, geom geometry(Point, 3857));
INSERT INTO odd.web_mercator SELECT n, ST_SetSRID(ST_Point(n * 100000, n * 100000), 3857) FROM generate_series(-50, 50) AS n;
CREATE INDEX ON odd.web_mercator USING gist (geom);
