-- A table that is a file which is not there.
CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA public;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE odd.foreign_table_of_no_file (id integer, name text)
    SERVER files OPTIONS (filename '/nowhere/names.csv', format 'csv');
