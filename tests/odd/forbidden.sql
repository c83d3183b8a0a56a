-- Tables that the API's role may not read, and one of which it may read some columns.
CREATE TABLE odd.forbidden (id integer PRIMARY KEY, geom geometry(Point, 4326));
CREATE TABLE odd.forbidden_in_part (id integer PRIMARY KEY, open text, secret text, geom geometry(Point, 4326));
INSERT INTO odd.forbidden_in_part SELECT n, 'o', 's', ST_SetSRID(ST_Point(n, 1), 4326) FROM generate_series(1, 10) AS n;
CREATE TABLE odd.forbidden_in_part_without_key (open text, secret text);
INSERT INTO odd.forbidden_in_part_without_key SELECT n % 3, 's' FROM generate_series(1, 10) AS n;
CREATE SCHEMA odd_locked;
CREATE TABLE odd_locked.locked (id integer PRIMARY KEY);
REVOKE ALL ON odd.forbidden, odd.forbidden_in_part, odd.forbidden_in_part_without_key FROM isthmus_reader;
GRANT SELECT (id, open, geom) ON odd.forbidden_in_part TO isthmus_reader;
GRANT SELECT (open) ON odd.forbidden_in_part_without_key TO isthmus_reader;
