-- Ids on both sides of 0, most of them beyond 32 bits, as nodes of OpenStreetMap have.
CREATE TABLE odd.big_ids (id bigint PRIMARY KEY, geom geometry(Point, 4326));
INSERT INTO odd.big_ids
SELECT n * 4000000000000000, ST_SetSRID(ST_Point(n, 1), 4326) FROM generate_series(-20, 20) AS n;
