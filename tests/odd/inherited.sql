-- A table that others inherit from: its key is unique in each of them only.
CREATE TABLE odd.inherited (id integer PRIMARY KEY, name text);
CREATE TABLE odd.inherited_child (extra text) INHERITS (odd.inherited);
INSERT INTO odd.inherited SELECT n, 'parent' FROM generate_series(1, 15) AS n;
INSERT INTO odd.inherited_child SELECT n, 'child', 'x' FROM generate_series(1, 15) AS n;

-- One whose key holds for all of them.
CREATE TABLE odd.inherited_shared (id integer, part text, PRIMARY KEY (id, part));
CREATE TABLE odd.inherited_shared_child () INHERITS (odd.inherited_shared);
INSERT INTO odd.inherited_shared VALUES (1, 'a'), (1, 'b');
INSERT INTO odd.inherited_shared_child VALUES (2, 'a');
