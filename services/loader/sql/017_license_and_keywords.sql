-- What the side-car says of a dataset for who looks for it: words, and what may be done with it (an SPDX identifier, an address, or a text).
ALTER TABLE isthmus.collections ADD COLUMN keywords text[] NOT NULL DEFAULT '{}', ADD COLUMN license text;
ALTER TABLE isthmus.tile_archives ADD COLUMN keywords text[] NOT NULL DEFAULT '{}', ADD COLUMN license text;
