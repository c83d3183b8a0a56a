-- A column of every type that is worth a thought.
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE TYPE odd.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE odd.pair AS (a integer, b text);
CREATE DOMAIN odd.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN odd.positive_and_small AS odd.positive CHECK (VALUE < 100);
CREATE TABLE odd.types (
    id integer PRIMARY KEY, i2 smallint, i8 bigint, num numeric, num2 numeric(10, 2), f4 real, f8 float8, yes boolean,
    t text, vc varchar(10), ch char(5), n name, ci citext, d date, ts timestamp, tstz timestamptz, tm time, tmtz timetz,
    iv interval, j json, jb jsonb, hs hstore, ints integer[], texts text[], mood odd.mood, pair odd.pair,
    positive odd.positive, small odd.positive_and_small, bytes bytea, u uuid, ip inet, net cidr, mac macaddr, price money,
    bits bit(3), x xml, r int4range, tsr tsrange, tstzr tstzrange, dr daterange, mr int4multirange, o oid, pt point,
    tsv tsvector, path jsonpath, lsn pg_lsn, geom geometry(Point, 4326)
);
INSERT INTO odd.types VALUES (
    1, -5, 9007199254740993, 12345678901234567890.123456789, 1.50, 0.1, 0.1, true,
    't', 'vc', 'ch', 'n', 'Ci', '2024-05-01', '2024-05-01 12:00:00.5', '2024-05-01 12:00:00.5+03', '12:34:56', '12:34:56+03',
    '1 day 2 hours', '{"a": [1]}', '{"b": null}', 'k=>v', '{1,2}', '{x,NULL}', 'happy', '(1,b)',
    5, 7, '\xdeadbeef', '00000000-0000-0000-0000-00000000000a', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', 12.5,
    '101', '<a/>', '[1,5)', '[2024-01-01,2024-02-01)', '[2024-01-01,2024-02-01)', '[2024-01-01,2024-02-01)', '{[1,2)}', 42, '(1,2)',
    'a b', '$.a', '16/B374D848', ST_SetSRID(ST_Point(1, 2), 4326)
);
INSERT INTO odd.types (id, num, f8, d, tstz, mood) VALUES (2, 'NaN', 'Infinity', 'infinity', '-infinity', 'sad');
INSERT INTO odd.types (id) VALUES (3);
