-- Three columns tell rows apart, and their texts hold the characters that an id of several parts uses itself.
CREATE TABLE odd.composite_key (
    land text NOT NULL, number smallint NOT NULL, since date NOT NULL, name text, geom geometry(Point, 4326),
    PRIMARY KEY (land, number, since)
);
INSERT INTO odd.composite_key
SELECT land, number, date '2020-01-01' + number, land || number, ST_SetSRID(ST_Point(number, number), 4326)
FROM unnest(ARRAY['FI', 'S~E', '100%25', 'a,b', 'a/b', 'ä "x"', '', '~']) AS land, generate_series(-3, 12) AS number;
