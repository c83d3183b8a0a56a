-- A pole in a system of coordinates; NULL where it has no place there.
CREATE FUNCTION isthmus.pole_in(srid integer, latitude double precision) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    pole geometry;
BEGIN
    pole := ST_Transform(ST_SetSRID(ST_MakePoint(0, latitude), 4326), srid);
    RETURN CASE WHEN greatest(abs(ST_X(pole)), abs(ST_Y(pole))) < 1e9 THEN pole END;
EXCEPTION WHEN internal_error OR data_exception THEN
    RETURN NULL;
END $$;

-- The box of a geometry in degrees, also where Web Mercator has ended: that of an area around a pole holds the pole, which its corners do
-- not tell. NULL for what cannot be projected.
CREATE FUNCTION isthmus.box_in_degrees(geom geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    box geometry;
    latitude double precision;
BEGIN
    box := ST_Envelope(ST_Transform(ST_Force2D(geom), 4326));
    FOREACH latitude IN ARRAY ARRAY[90, -90] LOOP
        IF ST_Intersects(ST_Force2D(geom), isthmus.pole_in(ST_SRID(geom), latitude)) THEN
            box := ST_Collect(box, ST_SetSRID(ST_MakeLine(ST_MakePoint(-180, latitude), ST_MakePoint(180, latitude)), 4326));
        END IF;
    END LOOP;
    RETURN CASE WHEN abs(ST_XMin(box)) <= 360 AND abs(ST_XMax(box)) <= 360 AND abs(ST_YMin(box)) <= 90.001
                     AND abs(ST_YMax(box)) <= 90.001 THEN ST_Envelope(box) END;
EXCEPTION WHEN internal_error OR data_exception THEN
    RETURN NULL;
END $$;
