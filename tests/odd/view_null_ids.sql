-- A view with a declared key that is NULL in some rows: it is not used.
CREATE VIEW odd.view_null_ids AS SELECT NULLIF(n, 5) AS gid FROM generate_series(1, 20) AS n;
COMMENT ON VIEW odd.view_null_ids IS '@key gid';
