-- Shapes that reach a pole, which Web Mercator does not have.
CREATE TABLE odd.poles (id integer PRIMARY KEY, geom geometry(Geometry, 4326));
INSERT INTO odd.poles VALUES
    (1, ST_MakeEnvelope(-180, -90, 180, -60, 4326)), (2, 'SRID=4326;POINT(0 90)'), (3, 'SRID=4326;LINESTRING(10 50, 10 90)'),
    (4, 'SRID=4326;POINT(10 -90)'), (5, ST_MakeEnvelope(-180, -90, 180, 90, 4326));
CREATE INDEX ON odd.poles USING gist (geom);
