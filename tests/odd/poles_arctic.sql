-- An area around the north pole, in a system made for it.
CREATE TABLE odd.poles_arctic (id integer PRIMARY KEY, geom geometry(Polygon, 3995));
INSERT INTO odd.poles_arctic VALUES (1, ST_MakeEnvelope(-1500000, -1500000, 1500000, 1500000, 3995));
