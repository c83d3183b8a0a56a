-- Nothing in it, and no statistics.
CREATE TABLE odd.empty (id integer PRIMARY KEY, name text, geom geometry(Polygon, 4326));
