-- Coordinates without a system, which the comment says.
CREATE TABLE odd.srid_declared (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.srid_declared SELECT n, ST_Point(380000 + n, 6670000) FROM generate_series(1, 20) AS n;
COMMENT ON TABLE odd.srid_declared IS 'Points of a survey. @srid 3067';
