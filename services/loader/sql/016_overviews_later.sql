-- By what the overview of a version is to be made, once it is served: the fields of Wish in loader/overviews/later.py.
-- NULL: it is made, or is not needed, or cannot be made.
ALTER TABLE isthmus.versions ADD COLUMN to_prepare jsonb;
