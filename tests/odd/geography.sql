-- Stored on the globe, poles and antimeridian included.
CREATE TABLE odd.geography (id integer PRIMARY KEY, place geography(Point, 4326));
INSERT INTO odd.geography
SELECT row_number() OVER (ORDER BY longitude, latitude), ST_Point(longitude, latitude)::geography
FROM generate_series(-180, 180, 9) AS longitude, generate_series(-90, 90, 9) AS latitude;
CREATE INDEX geography_place_idx ON odd.geography USING gist (place);
