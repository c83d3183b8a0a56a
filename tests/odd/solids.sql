-- Surfaces around solids, as models of cities have them, which GEOS does not know.
CREATE TABLE odd.solids (id integer PRIMARY KEY, geom geometry(PolyhedralSurfaceZ, 3067));
INSERT INTO odd.solids SELECT n, ST_Translate(
    'SRID=3067;POLYHEDRALSURFACE Z (((0 0 0,0 9 0,9 9 0,9 0 0,0 0 0)),((0 0 0,9 0 0,9 0 9,0 0 9,0 0 0)))',
    385000 + n * 100, 6671000) FROM generate_series(1, 5) AS n;
CREATE INDEX ON odd.solids USING gist (geom);
CREATE TABLE odd.solids_among_others (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.solids_among_others SELECT id, geom FROM odd.solids;
INSERT INTO odd.solids_among_others VALUES (6, 'SRID=3067;POINT(385305 6671005)'), (7, 'SRID=3067;TIN(((0 0,0 9,9 9,0 0)))');
CREATE INDEX ON odd.solids_among_others USING gist (geom);
