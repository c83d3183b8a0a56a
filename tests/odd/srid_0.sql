-- Coordinates that nobody says the system of.
CREATE TABLE odd.srid_0 (id integer PRIMARY KEY, geom geometry(Point));
INSERT INTO odd.srid_0 SELECT n, ST_Point(380000 + n, 6670000) FROM generate_series(1, 20) AS n;
CREATE INDEX ON odd.srid_0 USING gist (geom);
