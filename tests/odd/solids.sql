-- Surfaces around solids, as models of cities have them, which GEOS does not know.
CREATE TABLE odd.solids (id integer PRIMARY KEY, geom geometry(PolyhedralSurfaceZ, 3067));
INSERT INTO odd.solids SELECT n, ST_Translate(
    'SRID=3067;POLYHEDRALSURFACE Z (((0 0 0,0 9 0,9 9 0,9 0 0,0 0 0)),((0 0 0,9 0 0,9 0 9,0 0 9,0 0 0)))',
    385000 + n * 100, 6671000) FROM generate_series(1, 5) AS n;
CREATE INDEX ON odd.solids USING gist (geom);
