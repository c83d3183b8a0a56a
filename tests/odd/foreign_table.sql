-- A table of another server, which is this one.
CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public;
CREATE TABLE odd.far_away (id integer PRIMARY KEY, name text, geom geometry(Point, 4326));
INSERT INTO odd.far_away SELECT n, 'n' || n, ST_SetSRID(ST_Point(n, 2), 4326) FROM generate_series(1, 35) AS n;
CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (
    host :'socket', port :'port', dbname :'database', extensions 'postgis');
CREATE USER MAPPING FOR PUBLIC SERVER here OPTIONS (user 'isthmus_tests', password :'password');
CREATE FOREIGN TABLE odd.foreign_table (id integer, name text, geom geometry(Point, 4326))
    SERVER here OPTIONS (schema_name 'odd', table_name 'far_away');
