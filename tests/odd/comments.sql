-- Comments of the table and of a column.
CREATE TABLE odd.comments (id integer PRIMARY KEY, depth float8, seen date, told date);
COMMENT ON TABLE odd.comments IS E'@title Boreholes\nHoles in the ground. @time told';
COMMENT ON COLUMN odd.comments.depth IS 'metres below the ground';
INSERT INTO odd.comments VALUES (1, 5.5, '2024-01-01', '2025-01-01'), (2, 7, '2024-02-01', '2025-02-01');
