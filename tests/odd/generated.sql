-- Columns that PostgreSQL makes, one of them the geometry.
CREATE TABLE odd.generated (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x float8, y float8, twice float8 GENERATED ALWAYS AS (x * 2) STORED,
    geom geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_Point(x, y), 4326)) STORED
);
INSERT INTO odd.generated (x, y) SELECT n, n FROM generate_series(1, 20) AS n;
