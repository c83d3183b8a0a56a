-- Heights, measures, and both.
CREATE TABLE odd.z_and_m (
    id integer PRIMARY KEY, z geometry(PointZ, 4326), m geometry(PointM, 4326), zm geometry(LineStringZM, 4326)
);
INSERT INTO odd.z_and_m
SELECT n, ST_SetSRID(ST_MakePoint(n, 1, 5), 4326), ST_SetSRID(ST_MakePointM(n, 1, 7), 4326),
       ST_SetSRID(ST_MakeLine(ST_MakePoint(n, 1, 5, 7), ST_MakePoint(n, 2, 6, 8)), 4326)
FROM generate_series(1, 10) AS n;
