-- Materialised, with the unique index that REFRESH CONCURRENTLY wants; and one that was never filled.
CREATE MATERIALIZED VIEW odd.materialized_view AS
SELECT n AS gid, ST_SetSRID(ST_Point(n, 0), 4326)::geometry(Point, 4326) AS geom FROM generate_series(1, 40) AS n;
CREATE UNIQUE INDEX ON odd.materialized_view (gid);
CREATE MATERIALIZED VIEW odd.materialized_view_without_key AS SELECT n % 4 AS n FROM generate_series(1, 40) AS n;
