-- What was prepared for the tiles of low zooms. NULL: nobody looked. {}: every tile is made from the table itself.
-- Otherwise the fields of Tiling in core/catalog/versions.py. The table that it names lies in schema data, and is dropped with the version.
ALTER TABLE isthmus.versions ADD COLUMN tiling jsonb;
