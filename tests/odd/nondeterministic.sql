-- Texts whose case does not matter, which PostgreSQL 17 compares but looks for no pattern in.
CREATE COLLATION odd.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE odd.nondeterministic (name text COLLATE odd.any_case PRIMARY KEY, n integer);
INSERT INTO odd.nondeterministic SELECT 'Name ' || n, n FROM generate_series(1, 20) AS n;
