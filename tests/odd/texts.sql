-- Texts that formats cannot have as they are, JSON that `jsonb` cannot have, and a key of money.
CREATE TABLE odd.texts (id money PRIMARY KEY, t text, j json, geom geometry(Point, 4326));
INSERT INTO odd.texts VALUES
    (1.5, E'a\u0001b\uFFFEc', E'{"a":\r\n "\\u0000"}', 'SRID=4326;POINT(1 2)'), (-2, E'line\r\n\ttab', ' null ', 'SRID=4326;POINT(1 2)');
