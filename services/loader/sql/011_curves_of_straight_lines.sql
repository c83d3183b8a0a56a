-- As in 001, and curves and surfaces that have straight edges only, or lie in a collection of geometries; collections in it are taken apart.
-- Files that were loaded before have to be loaded again.
CREATE OR REPLACE FUNCTION isthmus.straightened(geom geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ST_GeometryType(geom) IN ('ST_Tin', 'ST_PolyhedralSurface', 'ST_Triangle')
            THEN (SELECT ST_Collect(ST_MakePolygon(ST_ExteriorRing(part.geom))) FROM ST_Dump(geom) AS part)
        WHEN ST_GeometryType(geom) ~ 'Curve|CircularString|MultiSurface'
            THEN CASE WHEN NOT ST_IsEmpty(geom) THEN ST_CurveToLine(geom) END
        WHEN ST_GeometryType(geom) = 'ST_GeometryCollection'
             AND ST_AsText(geom, 0) ~ '.(GEOMETRYC|CURVE|CIRCULAR|SURFACE|TIN|TRIANGLE)'
            THEN (SELECT ST_ForceCollection(ST_Collect(
                      CASE ST_GeometryType(part.geom)
                      WHEN 'ST_Triangle' THEN ST_MakePolygon(ST_ExteriorRing(part.geom)) ELSE part.geom END))
                  FROM ST_Dump(ST_CurveToLine(geom)) AS part)
        ELSE geom
    END
$$;
