-- Features that last: the column of their end beside that of their start. How long answers may be kept, and since when
-- a collection is what it is.

ALTER TABLE isthmus.versions ADD COLUMN temporal_end_column text;  -- NULL: `temporal_column` holds instants

ALTER TABLE isthmus.collections
    ADD COLUMN cache_control text,      -- the Cache-Control of its answers; NULL: the API's default
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();  -- when its version or its words last changed
