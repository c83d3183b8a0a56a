-- What became of each file in the data folder: what the last look saw, what is being loaded, and what failed loads count for.

-- faults: how often in a row a load of the file as it is ended by a crash, a hang or a mistake of ours; 0 where the file is to blame.
-- retry_at: when it is tried again. NULL: not before it changes.
ALTER TABLE isthmus.sources ADD COLUMN faults integer NOT NULL DEFAULT 0, ADD COLUMN retry_at timestamptz;

-- One row for each file that the last look saw.
CREATE TABLE isthmus.files (
    path text PRIMARY KEY,              -- as in isthmus.sources
    signature text NOT NULL,            -- of a dataset: that of isthmus.sources once it was acted upon
    kind text NOT NULL,                 -- of the dataset, or a word for what is not read
    size_bytes bigint,                  -- of a dataset
    detail text,                        -- why it is not read; NULL for a dataset
    hint text,                          -- what to do about that
    ids text[] NOT NULL DEFAULT '{}',   -- collections that people may look for while it is not served
    seen_at timestamptz NOT NULL DEFAULT now()  -- since when it looks as it does
);
CREATE INDEX ON isthmus.files USING gin (ids);

-- One row for each load under way, written over a connection of its own: the load's transaction shows nothing before its end.
-- A row whose connection is gone is of a loader that ended in the middle.
CREATE TABLE isthmus.loading (
    path text PRIMARY KEY,
    signature text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    process integer NOT NULL,           -- of the connection, and since when it has that number (pg_stat_activity)
    process_start timestamptz NOT NULL,
    ids text[] NOT NULL DEFAULT '{}',   -- collections that its layers become
    layer text,
    row_count bigint,                   -- rows of the layer that are copied, and how many there are
    of_rows bigint,
    step text,                          -- what follows the copying
    percent integer                     -- of the whole load; NULL: nobody knows
);

-- The one place that says which state a file is in.
CREATE VIEW isthmus.file_states AS
SELECT f.path, f.kind, f.size_bytes, f.ids,
    CASE
        WHEN f.detail IS NOT NULL THEN 'not read'
        WHEN l.path IS NOT NULL AND l.lives THEN 'loading'
        WHEN s.path IS NULL OR s.status = 'removed' OR s.signature <> f.signature THEN 'queued'
        WHEN s.status = 'failed' AND s.faults > 0 AND s.retry_at IS NULL THEN 'set aside'
        WHEN s.status = 'failed' THEN 'failed'
        ELSE 'served'
    END AS state,
    CASE
        WHEN l.path IS NOT NULL AND l.lives THEN l.started_at
        WHEN f.detail IS NOT NULL OR s.path IS NULL OR s.status = 'removed' OR s.signature <> f.signature THEN f.seen_at
        ELSE s.seen_at
    END AS since,
    f.detail, f.hint, l.layer, l.row_count, l.of_rows, l.step, l.percent,
    CASE WHEN s.signature = f.signature THEN s.faults ELSE 0 END AS faults,
    CASE WHEN s.signature = f.signature THEN s.retry_at END AS retry_at,
    CASE WHEN s.status <> 'removed' THEN s.report END AS report,
    (
        SELECT jsonb_agg(served.collection ORDER BY served.id)
        FROM (
            SELECT c.id, jsonb_build_object(
                'id', c.id, 'title', c.title, 'version', c.current_version,
                'versions', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'version', v.version, 'loaded_at', v.loaded_at, 'rows', v.row_count,
                        'served', v.version = c.current_version
                    ) ORDER BY v.version DESC)
                    FROM isthmus.versions AS v WHERE v.collection_id = c.id
                )
            ) AS collection
            FROM isthmus.collections AS c
            WHERE c.source_path = f.path AND c.withdrawn_at IS NULL AND c.current_version IS NOT NULL
            UNION ALL
            SELECT a.id, jsonb_build_object('id', a.id, 'title', a.title, 'version', NULL, 'versions', '[]'::jsonb)
            FROM isthmus.tile_archives AS a WHERE a.source_path = f.path
        ) AS served
    ) AS collections
FROM isthmus.files AS f
LEFT JOIN (
    SELECT *, pg_is_in_recovery() OR process IN (SELECT pid FROM pg_stat_activity) AS lives  -- a replica cannot tell
    FROM isthmus.loading
) AS l USING (path)
LEFT JOIN isthmus.sources AS s USING (path);
