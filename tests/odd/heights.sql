-- Systems with heights: degrees above an ellipsoid, degrees and metres above a sea level.
CREATE TABLE odd.heights (id integer PRIMARY KEY, geom geometry(PointZ, 4979));
INSERT INTO odd.heights VALUES (1, ST_SetSRID(ST_MakePoint(-105.1234567, 40.5, 1500), 4979));
CREATE TABLE odd.heights_of_the_sea (id integer PRIMARY KEY, geom geometry(PointZ, 5498));
INSERT INTO odd.heights_of_the_sea VALUES (1, ST_SetSRID(ST_MakePoint(-105.1234567, 40.5, 1500), 5498));
CREATE TABLE odd.heights_of_sweden (id integer PRIMARY KEY, geom geometry(PointZ, 5845));
INSERT INTO odd.heights_of_sweden VALUES (1, ST_SetSRID(ST_MakePoint(674000, 6580000, 20), 5845));
