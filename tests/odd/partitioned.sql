-- Partitioned twice: published once. And without a key, where rows are told apart by partition and place.
CREATE TABLE odd.partitioned (id integer, year integer, geom geometry(Point, 4326), PRIMARY KEY (id, year)) PARTITION BY RANGE (year);
CREATE TABLE odd.partitioned_2023 PARTITION OF odd.partitioned FOR VALUES FROM (2023) TO (2024);
CREATE TABLE odd.partitioned_2024 PARTITION OF odd.partitioned FOR VALUES FROM (2024) TO (2025) PARTITION BY RANGE (id);
CREATE TABLE odd.partitioned_2024_a PARTITION OF odd.partitioned_2024 FOR VALUES FROM (0) TO (10);
CREATE TABLE odd.partitioned_2024_b PARTITION OF odd.partitioned_2024 FOR VALUES FROM (10) TO (1000);
INSERT INTO odd.partitioned SELECT n, 2023 + n % 2, ST_SetSRID(ST_Point(n, 1), 4326) FROM generate_series(1, 45) AS n;
CREATE TABLE odd.partitioned_without_key (id integer, year integer) PARTITION BY LIST (year);
CREATE TABLE odd.partitioned_without_key_1 PARTITION OF odd.partitioned_without_key FOR VALUES IN (1);
CREATE TABLE odd.partitioned_without_key_2 PARTITION OF odd.partitioned_without_key DEFAULT;
INSERT INTO odd.partitioned_without_key SELECT n % 5, n % 3 FROM generate_series(1, 45) AS n;
