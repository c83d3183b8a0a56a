-- Where a version differs from those before it, so that tiles of all other places are still right. NULL: nobody knows, or everywhere.
-- Otherwise a list, the newest change first: the fields of Change in core/catalog/versions.py.
ALTER TABLE isthmus.versions ADD COLUMN changes jsonb;
