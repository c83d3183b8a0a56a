-- Neither a key nor a unique index; some rows are the same.
CREATE TABLE odd.no_key AS
SELECT n % 40 AS number, 'row ' || n % 40 AS name, ST_SetSRID(ST_Point(n % 40, 10), 4326)::geometry(Point, 4326) AS geom
FROM generate_series(1, 130) AS n;
