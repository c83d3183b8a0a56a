-- Times that last, each kind in a table of its own.
CREATE TABLE odd.ranges (id integer PRIMARY KEY, during tstzrange);
CREATE TABLE odd.ranges_local (id integer PRIMARY KEY, during tsrange);
CREATE TABLE odd.ranges_days (id integer PRIMARY KEY, during daterange);
INSERT INTO odd.ranges VALUES
    (1, '[2024-01-01 00:00Z,2024-02-01 00:00Z)'), (2, '[2024-02-01 00:00Z,2024-03-01 00:00Z)'), (3, NULL), (4, 'empty');
INSERT INTO odd.ranges_local VALUES (1, '[2024-01-01,2024-02-01)'), (2, '[2024-02-01,2024-03-01)'), (3, NULL), (4, 'empty');
INSERT INTO odd.ranges_days VALUES (1, '[2024-01-01,2024-02-01)'), (2, '[2024-02-01,)'), (3, NULL), (4, 'empty');
CREATE INDEX ON odd.ranges USING gist (during);
