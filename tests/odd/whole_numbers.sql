-- Whole numbers as other databases keep them, and NaN, which every numeric can be.
CREATE TABLE odd.whole_numbers (
    id integer PRIMARY KEY, n18 numeric(18, 0), hundreds numeric(5, -2), n20 numeric(20), geom geometry(Point, 4326)
);
INSERT INTO odd.whole_numbers VALUES
    (1, 123456789012345678, 123400, 12345678901234567890, 'SRID=4326;POINT(1 2)'),
    (2, 'NaN', 'NaN', 'NaN', 'SRID=4326;POINT(1 2)'),
    (3, -99999999999999999, -9999900, NULL, 'SRID=4326;POINT(1 2)');
