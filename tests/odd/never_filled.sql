-- A materialised view that holds nothing yet: reading it fails.
CREATE MATERIALIZED VIEW odd.never_filled AS SELECT 1 AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom WITH NO DATA;
