-- The catalogue: which files were seen, what was loaded from them, and which version of each collection is served.
-- Applied once, by the owner role, under an advisory lock (core/db.py). Schemas and roles come from services/postgis/initdb.

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
    bbox double precision[],            -- west, south, east, north in CRS84 degrees; NULL when there is nothing
    temporal_column text,               -- the published name of the column that `datetime` asks
    interval_start timestamptz,
    interval_end timestamptz,
    columns jsonb NOT NULL,             -- [{"name": published, "column": in the table, "type": see core/catalog.py}]
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

-- Web Mercator (EPSG:3857) of a geometry in any CRS. What lies beyond 85.0511 degrees is cut off first: its y would run to infinity.
-- NULL when nothing is left. Immutable, so that a table can hold it as a generated column.
CREATE FUNCTION isthmus.to_3857(geom geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ST_YMin(degrees) >= -85.0511287 AND ST_YMax(degrees) <= 85.0511287 THEN ST_Transform(degrees, 3857)
        WHEN ST_YMin(degrees) > 85.0511287 OR ST_YMax(degrees) < -85.0511287 THEN NULL
        ELSE NULLIF(ST_Transform(ST_ClipByBox2D(degrees, ST_MakeEnvelope(-180, -85.0511287, 180, 85.0511287)), 3857),
                    ST_GeomFromText('GEOMETRYCOLLECTION EMPTY', 3857))
    END
    FROM (SELECT ST_Transform(ST_Force2D(geom), 4326) AS degrees) AS in_degrees
$$;
