-- Functions with parameters: what is published, and what is not.
CREATE TABLE odd.function_data (id integer PRIMARY KEY, name text, geom geometry(Point, 3067));
INSERT INTO odd.function_data SELECT n, 'n' || n, ST_SetSRID(ST_Point(380000 + n, 6670000), 3067) FROM generate_series(1, 100) AS n;
CREATE FUNCTION odd.near("least" integer, most integer DEFAULT 1000, word text DEFAULT 'n', since date DEFAULT '2000-01-01')
RETURNS TABLE (id integer, label text, day date, geom geometry) LANGUAGE sql STABLE AS $$
    SELECT f.id, word || f.id, since, f.geom FROM odd.function_data AS f WHERE f.id BETWEEN "least" AND most ORDER BY f.id DESC
$$;
COMMENT ON FUNCTION odd.near IS 'Points by number, the last first.';
CREATE FUNCTION odd.all_data() RETURNS SETOF odd.function_data LANGUAGE plpgsql STABLE AS $$
    BEGIN RETURN QUERY SELECT * FROM odd.function_data; END $$;
CREATE FUNCTION odd.picky("Which One" text, "limit" integer DEFAULT 3) RETURNS TABLE (a text, "row_number" integer) LANGUAGE plpgsql STABLE AS $$
    BEGIN IF "Which One" = 'bad' THEN RAISE EXCEPTION 'no such thing: a secret'; END IF;
    IF "Which One" = 'nobody' THEN SELECT name INTO STRICT a FROM odd.function_data WHERE id = 0; END IF;
    IF "Which One" = 'many' THEN SELECT name INTO STRICT a FROM odd.function_data; END IF;
    IF "Which One" ~ '^[0-9A-Z]{5}$' THEN RAISE EXCEPTION 'a secret' USING ERRCODE = "Which One"; END IF;
    IF "Which One" = 'broken' THEN ASSERT false, 'a secret'; END IF;
    RETURN QUERY SELECT "Which One", g FROM generate_series(1, "limit") AS g; END $$;
CREATE FUNCTION odd.volatile_one() RETURNS TABLE (a integer) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION odd.unnamed(integer) RETURNS TABLE (a integer) LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION odd.twice(a integer) RETURNS TABLE (b integer) LANGUAGE sql STABLE AS 'SELECT a';
CREATE FUNCTION odd.twice(a text) RETURNS TABLE (b text) LANGUAGE sql STABLE AS 'SELECT a';
CREATE FUNCTION odd.scalars() RETURNS SETOF integer LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION odd.locked_one() RETURNS TABLE (a integer) LANGUAGE sql STABLE AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION odd.locked_one() FROM PUBLIC;
CREATE FUNCTION odd.writes() RETURNS TABLE (a integer) LANGUAGE sql STABLE AS 'SELECT 1';
