-- A view that always fails.
CREATE FUNCTION odd.fail() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a secret of the house'; END $$;
CREATE VIEW odd.broken_view AS SELECT odd.fail() AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom;
