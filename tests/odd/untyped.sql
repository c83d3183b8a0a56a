-- A column without a declared type, as functions in views leave it: all its geometries are in one system.
CREATE TABLE odd.untyped (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.untyped
SELECT n, ST_SetSRID(CASE WHEN n % 2 = 0 THEN ST_Point(380000 + n, 6670000)
                          ELSE ST_MakeEnvelope(380000 + n, 6670000, 380001 + n, 6670001) END, 3067)
FROM generate_series(1, 20) AS n;
