-- A column that holds geometries in several systems.
CREATE TABLE odd.mixed_srids (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.mixed_srids
SELECT n, ST_Transform(ST_SetSRID(ST_Point(24 + n / 100.0, 60), 4326), (ARRAY[4326, 3067, 3857])[1 + n % 3])
FROM generate_series(1, 30) AS n;
