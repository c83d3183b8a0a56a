-- Where the rows of a version lie, block after block of its table's pages: pages of a box are found by it (core/blocks.py says how).
-- It is true as long as the table has the file that it had, so not after CLUSTER, VACUUM FULL or a restored dump, until the
-- loader finds it out anew.
CREATE TABLE isthmus.blocks (
    version bigint PRIMARY KEY REFERENCES isthmus.versions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    file oid NOT NULL,          -- the table's file (pg_relation_filenode)
    pages integer NOT NULL,     -- pages of 8 KB in a block
    stored bytea NOT NULL,      -- boxes in the table's own CRS
    degrees bytea               -- boxes in CRS84; NULL where they are the same
);
