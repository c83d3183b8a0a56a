-- A name with braces and with a space at its end: an id has neither space at an end, nor does it make a template.
CREATE TABLE odd."spaces {x} " (id integer PRIMARY KEY, geom geometry(Point, 4326));
INSERT INTO odd."spaces {x} " VALUES (1, 'SRID=4326;POINT(1 1)');
