-- Indexes of properties, which the loader makes after the data are served.

-- What the side-car says: true, false, or a list of properties. NULL: nothing.
ALTER TABLE isthmus.collections ADD COLUMN indexed_by jsonb;

CREATE TABLE isthmus.indexed (
    version bigint PRIMARY KEY REFERENCES isthmus.versions ON DELETE CASCADE,
    asked jsonb NOT NULL,               -- what the indexes were chosen by: what the side-car says, else what the setting does
    indexes jsonb NOT NULL              -- the fields of PropertyIndex in loader/table/index_rule.py, in the order of their making
);
