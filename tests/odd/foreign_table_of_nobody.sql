-- A table of a server that does not answer.
CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'socket', port '1', dbname 'x');
CREATE USER MAPPING FOR PUBLIC SERVER nowhere OPTIONS (user 'x', password 'x');
CREATE FOREIGN TABLE odd.foreign_table_of_nobody (id integer, geom geometry(Point, 4326))
    SERVER nowhere OPTIONS (schema_name 'x', table_name 'x');
