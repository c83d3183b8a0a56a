-- Coordinates so far off that PROJ has no place for them, and systems that PROJ does not know.
CREATE TABLE odd.far_off (id integer PRIMARY KEY, geom geometry(Geometry, 3067));
INSERT INTO odd.far_off VALUES
    (1, 'SRID=3067;POINT(385000 6672000)'),
    (2, 'SRID=3067;POINT(1e300 6672000)'),
    (3, 'SRID=3067;LINESTRING(385000 6672000, 5e9 6672000)'),
    (4, ST_SetSRID(ST_MakePoint('Infinity', 3), 3067)),
    (5, 'SRID=3067;POINT(385000 66720000)');
CREATE TABLE odd.far_off_degrees (id integer PRIMARY KEY, geom geometry(Point, 4258));
INSERT INTO odd.far_off_degrees VALUES (1, 'SRID=4258;POINT(1 2)'), (2, 'SRID=4258;POINT(1000 2)'), (3, 'SRID=4258;POINT(361 95)');
CREATE TABLE odd.far_off_alaska (id integer PRIMARY KEY, geom geometry(Point, 5070));
INSERT INTO odd.far_off_alaska VALUES (1, 'SRID=5070;POINT(-4400000 6400000)'), (2, 'SRID=5070;POINT(0 2000000)');
CREATE TABLE odd.srid_unknown (id integer PRIMARY KEY, geom geometry(Point, 990001));
INSERT INTO odd.srid_unknown VALUES (1, 'SRID=990001;POINT(1 2)');
CREATE TABLE odd.srid_unknown_mixed (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.srid_unknown_mixed VALUES (1, 'SRID=990001;POINT(1 2)'), (2, 'SRID=4326;POINT(3 4)');
INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text) VALUES (990002, 'ODD', 990002, '', '+proj=no_such_projection');
CREATE TABLE odd.srid_unusable (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.srid_unusable VALUES (1, 'SRID=990002;POINT(1 2)');
