-- A name that no table of a GeoPackage may have, and the last time that PostgreSQL knows.
CREATE TABLE odd.gpkg_far_times (id integer PRIMARY KEY, seen timestamptz);
INSERT INTO odd.gpkg_far_times VALUES (1, '2024-05-01 12:00:00Z'), (2, '294276-12-31 23:59:59.999999Z');
