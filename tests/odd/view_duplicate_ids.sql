-- A view whose column `id` is not unique: no id.
CREATE VIEW odd.view_duplicate_ids AS SELECT n % 7 AS id, n AS other FROM generate_series(1, 50) AS n;
