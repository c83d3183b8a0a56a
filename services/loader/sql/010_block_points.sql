-- Where the points of a version lie in the boxes of their blocks: x of all in the order of the disk, then y, each a number of 16 bits
-- (core/block_points.py says how). NULL where they are no points, or very many.
ALTER TABLE isthmus.blocks ADD COLUMN points bytea;
ALTER TABLE isthmus.blocks ALTER COLUMN points SET STORAGE EXTERNAL;
