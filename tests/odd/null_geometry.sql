-- Geometries that are not there, or are empty.
CREATE TABLE odd.null_geometry (id integer PRIMARY KEY, geom geometry(Geometry, 4326));
INSERT INTO odd.null_geometry VALUES
    (1, NULL), (2, 'SRID=4326;POINT EMPTY'), (3, 'SRID=4326;POINT(24 60)'), (4, 'SRID=4326;POLYGON EMPTY'), (5, NULL);
