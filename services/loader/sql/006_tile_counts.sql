-- How many features of a version lie in each tile of WebMercatorQuad whose zoom leaves some out: what a tile says that it lacks.
-- Rows are written before that of their version, in the same transaction.
CREATE TABLE isthmus.tile_counts (
    version bigint NOT NULL REFERENCES isthmus.versions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    zoom smallint NOT NULL,
    tile_row integer NOT NULL,
    tile_column integer NOT NULL,
    features integer NOT NULL,
    PRIMARY KEY (version, zoom, tile_row, tile_column)
);
