-- Only in the tests' cluster: the owner clones the template database.
ALTER ROLE isthmus_owner CREATEDB;
-- A superuser, for what a database of somebody else's has: other roles, foreign servers, replicas.
\getenv owner_password OWNER_PASSWORD
SELECT 'CREATE ROLE isthmus_tests' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'isthmus_tests')
\gexec
ALTER ROLE isthmus_tests SUPERUSER LOGIN REPLICATION PASSWORD :'owner_password';
