-- A view without anything that looks like a key. Ties everywhere.
CREATE VIEW odd.view AS
SELECT n % 3 AS a, n % 2 = 0 AS b, ST_SetSRID(ST_Point(n % 5, n % 5), 4326) AS geom, '{"n": 1}'::json AS j
FROM generate_series(1, 77) AS n;
