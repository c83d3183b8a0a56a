-- Nothing in it, and nobody knows in which system geometries will be.
CREATE TABLE odd.empty_untyped (id integer PRIMARY KEY, geom geometry);
