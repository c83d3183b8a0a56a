-- A key whose values are arrays.
CREATE TABLE odd.array_key (path integer[], geom geometry(Point, 4326), PRIMARY KEY (path));
INSERT INTO odd.array_key SELECT CASE n WHEN 5 THEN ARRAY[n] ELSE ARRAY[n, n + 1] END, ST_Point(n, n) FROM generate_series(1, 9) AS n;
