-- Files of tiles in the data folder (PMTiles, MBTiles) that are served as they are. A row lives as long as its file is as it was looked
-- at; no id is that of a collection. The tiles stay in the file.
CREATE TABLE isthmus.tile_archives (
    id text PRIMARY KEY,
    source_path text NOT NULL UNIQUE,   -- relative to the data folder, '/' between parts
    title text NOT NULL,
    description text,
    attribution text,
    cache_control text,                 -- as of a collection
    size_bytes bigint NOT NULL,         -- of the file that was looked at, and when it was changed:
    mtime_ns bigint NOT NULL,           -- another one is not served
    facts jsonb NOT NULL,               -- the fields of Facts in core/catalog/archives.py
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER tile_archives_changed AFTER INSERT OR UPDATE OR DELETE ON isthmus.tile_archives
    FOR EACH STATEMENT EXECUTE FUNCTION isthmus.next_generation();
