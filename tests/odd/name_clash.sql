-- The same name in two schemas; a name that looks like a schema and a table; a table named as a loaded collection.
CREATE TABLE odd.clash (id integer PRIMARY KEY);
CREATE TABLE odd_other.clash (id integer PRIMARY KEY);
CREATE TABLE odd_other."odd.clash" (id integer PRIMARY KEY);
CREATE TABLE odd.places (id integer PRIMARY KEY, name text);
CREATE TABLE odd."a/b" (id integer PRIMARY KEY);
