-- The two roles of Isthmus. Passwords come from files, through the entrypoint's environment.
\getenv owner_password OWNER_PASSWORD
\getenv reader_password READER_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['isthmus_owner', 'isthmus_reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- isthmus_owner: the loader and the command line. Owns the database, is no superuser.
ALTER ROLE isthmus_owner LOGIN NOSUPERUSER NOCREATEROLE PASSWORD :'owner_password';
-- isthmus_reader: the HTTP service. Reads what it was granted.
ALTER ROLE isthmus_reader LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'reader_password';
