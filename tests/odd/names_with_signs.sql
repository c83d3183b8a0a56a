-- Names that hold the signs by which lists of names are written: commas, and a sign before the name.
CREATE TABLE odd.names_with_signs (id integer PRIMARY KEY, "a,b" integer, a integer, ",c," integer, "-down" integer, down integer, "+up" integer, " far" integer);
INSERT INTO odd.names_with_signs SELECT n, -n, 0, -n, -n, 0, -n, -n FROM generate_series(1, 3) AS n;
