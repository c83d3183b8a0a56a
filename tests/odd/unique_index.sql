-- No primary key, but a unique index whose columns are never NULL; another one that may be.
CREATE TABLE odd.unique_index (a integer UNIQUE, b integer NOT NULL UNIQUE, c numeric UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO odd.unique_index SELECT NULLIF(n, 5), n * 10, n FROM generate_series(1, 25) AS n;
