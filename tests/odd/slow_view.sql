-- A view that takes longer than a look at its data may.
CREATE VIEW odd.slow_view AS SELECT 1 AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom FROM pg_sleep(20);
