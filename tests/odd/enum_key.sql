-- A kind and a number: kinds are in an order of their own.
CREATE TYPE odd.kind AS ENUM ('small', 'large', 'huge');
CREATE TABLE odd.enum_key (kind odd.kind, number integer, PRIMARY KEY (kind, number));
INSERT INTO odd.enum_key SELECT kind, n FROM unnest(enum_range(NULL::odd.kind)) AS kind, generate_series(1, 20) AS n;
