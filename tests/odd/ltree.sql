-- Paths of labels, whose type calls a text that is none a mistake of syntax.
CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public;
CREATE TABLE odd.ltree (id integer PRIMARY KEY, path ltree);
INSERT INTO odd.ltree VALUES (1, 'land.town.street'), (2, 'land.town'), (3, NULL);
