-- Names of columns with characters that XML has for itself.
CREATE TABLE odd.markup (id integer PRIMARY KEY, "R&D" text, "under <5 m" integer, "2"" pipes" boolean, geom geometry(Point, 4326));
INSERT INTO odd.markup VALUES (1, '<a & b>', 3, true, 'SRID=4326;POINT(24 60)');
