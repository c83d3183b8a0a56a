-- A view that always fails.
CREATE FUNCTION odd.fail() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a secret of the house'; END $$;
CREATE VIEW odd.broken_view AS SELECT odd.fail() AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom;
CREATE VIEW odd.divided_view AS SELECT n AS id, 1 / (n - n) AS share, ST_SetSRID(ST_Point(n, 1), 4326) AS geom FROM generate_series(1, 3) AS n;
