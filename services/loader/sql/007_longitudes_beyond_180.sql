-- Shapes whose longitudes are counted on beyond 180 degrees (175 to 185), split there: PROJ takes 185 for -175, so they were drawn as a
-- band around the world. Files that were loaded before have to be loaded again.
CREATE FUNCTION isthmus.split_at_antimeridian(degrees geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN ST_WrapX(ST_WrapX(degrees, 180, -360), -180, 360);
EXCEPTION WHEN internal_error THEN
    RETURN degrees;  -- a ring that crosses itself cannot be split
END $$;

-- As in 001, with that.
CREATE OR REPLACE FUNCTION isthmus.to_3857(geom geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    limit_deg CONSTANT double precision := 85.0511287;
    degrees geometry;
    cut geometry;
BEGIN
    IF ST_IsEmpty(geom) THEN
        RETURN NULL;
    END IF;
    degrees := ST_Transform(ST_Force2D(geom), 4326);
    IF ST_XMin(degrees) < -180 OR ST_XMax(degrees) > 180 THEN
        degrees := isthmus.split_at_antimeridian(degrees);
    ELSIF ST_XMax(degrees) - ST_XMin(degrees) > 180 THEN
        degrees := isthmus.cut_at_antimeridian(degrees);
    END IF;
    IF ST_YMin(degrees) >= -limit_deg AND ST_YMax(degrees) <= limit_deg THEN
        RETURN ST_Transform(degrees, 3857);
    ELSIF ST_YMin(degrees) > limit_deg OR ST_YMax(degrees) < -limit_deg THEN
        RETURN NULL;
    END IF;
    cut := ST_ClipByBox2D(degrees, ST_MakeEnvelope(-540, -limit_deg, 540, limit_deg));
    RETURN CASE WHEN ST_IsEmpty(cut) THEN NULL ELSE ST_Transform(cut, 3857) END;
EXCEPTION WHEN internal_error OR data_exception THEN
    RETURN NULL;
END $$;
