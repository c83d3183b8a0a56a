-- Points on both sides of 180 degrees, and at it.
CREATE TABLE odd.antimeridian (id integer PRIMARY KEY, geom geometry(Point, 4326));
INSERT INTO odd.antimeridian
SELECT n + 21, ST_SetSRID(ST_Point(CASE WHEN n < 0 THEN -180 - n ELSE 180 - n END, -17), 4326) FROM generate_series(-20, 20) AS n;
CREATE INDEX ON odd.antimeridian USING gist (geom);
