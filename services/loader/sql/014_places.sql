-- Whether a geometry has a place on Earth: PROJ refuses coordinates that are far beyond what its system is made for.
CREATE FUNCTION isthmus.has_place(geom geometry) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    degrees geometry;
BEGIN
    degrees := ST_Transform(geom, 4326);
    RETURN greatest(-ST_XMin(degrees), ST_XMax(degrees), -ST_YMin(degrees), ST_YMax(degrees)) < 'Infinity';
EXCEPTION WHEN internal_error OR data_exception THEN
    RETURN false;
END $$;
