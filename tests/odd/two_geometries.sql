-- A place and an area of each row.
CREATE TABLE odd.two_geometries (
    id integer PRIMARY KEY, name text, centre geometry(Point, 4326), area geometry(Polygon, 3067)
);
INSERT INTO odd.two_geometries
SELECT n, 'n' || n, ST_SetSRID(ST_Point(24 + n / 100.0, 60), 4326),
       ST_Transform(ST_MakeEnvelope(24 + n / 100.0, 60, 24.01 + n / 100.0, 60.01, 4326), 3067)
FROM generate_series(1, 20) AS n;
