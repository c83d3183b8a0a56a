-- A view whose column `id` turns out to be unique.
CREATE VIEW odd.view_with_id AS
SELECT n AS id, 'n' || n AS name, ST_SetSRID(ST_Point(n, 0), 4326)::geometry(Point, 4326) AS geom
FROM generate_series(1, 50) AS n;
