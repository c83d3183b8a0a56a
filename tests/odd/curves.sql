-- Geometries that GeoJSON does not have.
CREATE TABLE odd.curves (id integer PRIMARY KEY, geom geometry(Geometry, 4326));
INSERT INTO odd.curves VALUES
    (1, 'SRID=4326;CIRCULARSTRING(0 0, 1 1, 2 0)'), (2, 'SRID=4326;CURVEPOLYGON(CIRCULARSTRING(0 0, 4 0, 4 4, 0 4, 0 0))'),
    (3, 'SRID=4326;TIN(((0 0, 0 1, 1 0, 0 0)), ((5 5, 5 6, 6 5, 5 5)))'), (4, 'SRID=4326;TRIANGLE((0 0, 0 9, 9 0, 0 0))'),
    (5, 'SRID=4326;COMPOUNDCURVE(CIRCULARSTRING(0 0, 1 1, 1 0), (1 0, 0 1))'), (6, 'SRID=4326;POINT(1 1)'),
    (7, 'SRID=4326;GEOMETRYCOLLECTION(CIRCULARSTRING(0 0, 1 1, 2 0), POINT(1 1))');
