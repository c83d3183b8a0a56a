-- Geometries without coordinates, whole and in part.
CREATE TABLE odd.empties (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.empties VALUES
    (1, 'SRID=4326;POINT EMPTY'), (2, 'SRID=4326;LINESTRING EMPTY'), (3, 'SRID=4326;MULTIPOLYGON EMPTY'),
    (4, 'SRID=4326;GEOMETRYCOLLECTION(POINT EMPTY, LINESTRING EMPTY)'),
    (5, 'SRID=4326;MULTIPOINT(EMPTY, 1 1, EMPTY, 2 2, EMPTY)'),
    (6, 'SRID=4326;MULTIPOLYGON(EMPTY, ((0 0, 0 1, 1 1, 0 0)))'),
    (7, 'SRID=4326;GEOMETRYCOLLECTION(POINT EMPTY, MULTIPOINT(EMPTY, 2 2), LINESTRING EMPTY)');
CREATE TABLE odd.empties_points (id integer PRIMARY KEY, geom geometry(Point, 4326));
INSERT INTO odd.empties_points SELECT id, geom FROM odd.empties WHERE id = 1;
