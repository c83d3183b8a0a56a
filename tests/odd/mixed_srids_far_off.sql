-- Several systems, and rows that none of them has a place for.
CREATE TABLE odd.mixed_srids_far_off (id integer PRIMARY KEY, geom geometry);
INSERT INTO odd.mixed_srids_far_off VALUES
    (1, ST_SetSRID(ST_Point(25, 60), 4326)),
    (2, ST_SetSRID(ST_Point(385000, 6671000), 3067)),
    (3, ST_SetSRID(ST_Point(1e300, 1e300), 3067)),
    (4, ST_SetSRID(ST_Point(1, 1), 999000)),
    (5, ST_SetSRID(ST_Point(5, 6), 0));
