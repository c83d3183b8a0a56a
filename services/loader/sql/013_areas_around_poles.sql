-- An area around a pole in degrees, slit along 180 degrees and around the pole: its corners alone make a ring there that holds nothing.
-- Its edges are split, since they are bent. NULL for what is no area around a pole, or cannot be slit.
CREATE FUNCTION isthmus.slit_at_pole(geom geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    beside CONSTANT double precision := 1e-7;
    latitude double precision;
    way geometry;
BEGIN
    FOREACH latitude IN ARRAY ARRAY[90, -90] LOOP
        CONTINUE WHEN ST_Dimension(geom) < 2 OR (geom && isthmus.pole_in(ST_SRID(geom), latitude)) IS NOT TRUE;
        way := ST_Segmentize(ST_SetSRID(ST_MakeLine(ST_MakePoint(180 - beside, -latitude * 0.9),
                                                    ST_MakePoint(180 - beside, latitude * (1 - beside / 90))), 4326), 1);
        way := ST_MakeLine(ST_Transform(way, ST_SRID(geom)),
                           ST_Transform(ST_Reverse(ST_Translate(way, 2 * beside - 360, 0)), ST_SRID(geom)));
        RETURN ST_Transform(
            ST_Difference(
                ST_Segmentize(geom, (ST_XMax(geom) - ST_XMin(geom) + ST_YMax(geom) - ST_YMin(geom)) / 200),
                ST_MakePolygon(ST_AddPoint(way, ST_StartPoint(way)))),
            4326);
    END LOOP;
    RETURN NULL;
EXCEPTION WHEN internal_error OR data_exception THEN
    RETURN NULL;
END $$;

-- As in 007, with that.
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
        IF ST_SRID(geom) <> 4326 THEN
            cut := isthmus.slit_at_pole(ST_Force2D(geom));
        END IF;
        degrees := coalesce(cut, isthmus.cut_at_antimeridian(degrees));
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
