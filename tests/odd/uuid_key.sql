-- Ids are UUIDs.
CREATE TABLE odd.uuid_key (id uuid PRIMARY KEY, n integer, geom geometry(Point, 4326));
INSERT INTO odd.uuid_key SELECT md5(n::text)::uuid, n, ST_SetSRID(ST_Point(n, 0), 4326) FROM generate_series(1, 60) AS n;
