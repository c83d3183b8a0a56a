-- The catalogue: which files were seen, what was loaded from them, and which version of each collection is served.
-- Applied once, by the owner role, under an advisory lock (core/database/connections.py). Schemas and roles come from services/postgis/initdb.

CREATE TABLE isthmus.sources (
    path text PRIMARY KEY,              -- relative to the data folder, '/' between parts
    signature text NOT NULL,            -- size and modification time of its files: cheap to compare
    status text NOT NULL CHECK (status IN ('loaded', 'failed', 'removed')),
    report jsonb NOT NULL,              -- what was checked, kept, repaired and refused
    seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE isthmus.collections (
    id text PRIMARY KEY,
    title text NOT NULL,
    description text,
    attribution text,
    source_path text NOT NULL,
    layer text NOT NULL,
    current_version bigint,             -- NULL: nothing was loaded yet
    withdrawn_at timestamptz,           -- set while its file is gone; the versions are kept
    UNIQUE (source_path, layer)
);

CREATE TABLE isthmus.versions (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id text NOT NULL REFERENCES isthmus.collections ON DELETE CASCADE,
    table_name text NOT NULL,           -- in schema data: fid bigint, geom, geom_3857, and the columns below
    checksum text NOT NULL,             -- SHA-256 of the file's content
    row_count bigint NOT NULL,
    srid integer,                       -- NULL: a table without geometry
    geometry_type text,                 -- GeoJSON's name of it, 'Geometry' when mixed, NULL without geometry
    null_geometries bigint NOT NULL DEFAULT 0,  -- features without a geometry: every bbox matches them
    bbox double precision[],            -- west, south, east, north in CRS84 degrees; NULL when there is nothing
    storage_bbox double precision[],    -- the same in the table's own CRS, easting or longitude first
    temporal_column text,               -- the published name of the column that `datetime` asks
    interval_start timestamptz,
    interval_end timestamptz,
    columns jsonb NOT NULL,             -- [{"name": published, "column": in the table, "type": see core/catalog/collections.py}]
    loaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON isthmus.versions (collection_id, version DESC);

ALTER TABLE isthmus.collections
    ADD FOREIGN KEY (current_version) REFERENCES isthmus.versions DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE isthmus.loads (
    load bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL,
    status text NOT NULL,
    report jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL
);

-- One row whose number rises with each change, so that a reader learns with one cheap query whether its copy is stale.
CREATE TABLE isthmus.generation (number bigint NOT NULL);
INSERT INTO isthmus.generation VALUES (1);

CREATE FUNCTION isthmus.next_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE isthmus.generation SET number = number + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER collections_changed AFTER INSERT OR UPDATE OR DELETE ON isthmus.collections
    FOR EACH STATEMENT EXECUTE FUNCTION isthmus.next_generation();

-- Schema `published` holds one view per collection, named as the collection: the stable name for QGIS and psql.
CREATE SCHEMA published;
GRANT USAGE ON SCHEMA published TO isthmus_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA published GRANT SELECT ON TABLES TO isthmus_reader;

-- Lines and polygons in degrees that jump from one side of 180 degrees to the other, cut there: a ring that a file left
-- whole would be drawn as a band around the world. Taken for a jump: a part wider than 180 degrees that is narrower when
-- the western hemisphere is counted on from 180. Not a part of five points or fewer, which may be a box of the world.
CREATE FUNCTION isthmus.cut_at_antimeridian(degrees geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN (
        SELECT ST_CollectionHomogenize(ST_Collect(
            CASE WHEN ST_XMax(part) - ST_XMin(part) > 180 AND ST_XMax(shifted) - ST_XMin(shifted) < 180
                      AND ST_NPoints(part) > 5
                 THEN ST_WrapX(shifted, 180, -360) ELSE part END))
        FROM (SELECT geom AS part, ST_ShiftLongitude(geom) AS shifted FROM ST_Dump(degrees)) AS parts
    );
EXCEPTION WHEN internal_error THEN
    RETURN degrees;  -- a ring that crosses itself cannot be cut
END $$;

-- Web Mercator (EPSG:3857) of a geometry in any CRS, without height. What lies beyond 85.0511 degrees is cut off first:
-- its y would run to infinity. NULL when nothing is left, and for coordinates that cannot be projected (the loader counts them).
-- Immutable, so that a table can hold it as a generated column. PL/pgSQL, because an SQL function with a subselect is not
-- inlined: 168,000 rows a second against 707,000.
CREATE FUNCTION isthmus.to_3857(geom geometry) RETURNS geometry
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
    IF ST_XMax(degrees) - ST_XMin(degrees) > 180 THEN
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

-- Geometries as GeoJSON and vector tiles know them: curves as lines, surfaces and triangles as polygons.
CREATE FUNCTION isthmus.straightened(geom geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN GeometryType(geom) IN ('TIN', 'POLYHEDRALSURFACE', 'TRIANGLE')
            THEN (SELECT ST_Collect(ST_MakePolygon(ST_ExteriorRing(part.geom))) FROM ST_Dump(geom) AS part)
        WHEN ST_HasArc(geom) THEN ST_CurveToLine(geom)
        ELSE geom
    END
$$;
