-- Points with coordinates that are no numbers, which JSON cannot say.
CREATE TABLE odd.no_numbers (id integer PRIMARY KEY, geom geometry(PointZ, 4326));
INSERT INTO odd.no_numbers
SELECT id, ST_SetSRID(ST_MakePoint(x, y, z), 4326)
FROM (VALUES (1, 'NaN'::float8, 2, 3::float8), (2, 1, '-Infinity'::float8, 3), (3, 1, 2, 'NaN'), (4, 1, 2, 3)) AS points (id, x, y, z);
INSERT INTO odd.no_numbers VALUES (5, 'SRID=4326;POINT Z EMPTY');
CREATE TABLE odd.no_numbers_any (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.no_numbers_any SELECT id, geom FROM odd.no_numbers;
CREATE TABLE odd.no_numbers_lines (id integer PRIMARY KEY, geom geometry(GeometryZ, 4326));
INSERT INTO odd.no_numbers_lines VALUES
    (1, 'SRID=4326;LINESTRING Z (1 2 NaN, 3 4 5)'),
    (2, 'SRID=4326;LINESTRING Z (1 NaN 2, 3 4 5)'),
    (3, ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[ST_MakePoint(0, 0, 2), ST_MakePoint(0, 1, '-Infinity'), ST_MakePoint(1, 1, 'NaN'), ST_MakePoint(0, 0, 2)])), 4326)),
    (4, 'SRID=4326;MULTIPOINT Z (NaN NaN NaN, 3 4 5)');
CREATE TABLE odd.no_numbers_far (id integer PRIMARY KEY, geom geometry(LineString, 3067));
INSERT INTO odd.no_numbers_far VALUES
    (1, ST_SetSRID(ST_MakeLine(ST_MakePoint(385000, 6672000), ST_MakePoint('Infinity', 6672000)), 3067)),
    (2, 'SRID=3067;LINESTRING(385000 6672000, 385001 6672001)');
