-- A view whose comment says its key, wrongly: values occur several times.
CREATE VIEW odd.view_declared_key AS
SELECT n % 9 AS well, n AS n, ST_SetSRID(ST_Point(n, 0), 4326) AS geom FROM generate_series(1, 60) AS n;
COMMENT ON VIEW odd.view_declared_key IS E'@title Wells of the region\nAll wells since 1900. @key well';
