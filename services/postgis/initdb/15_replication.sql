-- isthmus_replication: what replicas copy and follow their primary as. Only where its password is given.
\getenv replication_password REPLICATION_PASSWORD
\if :{?replication_password}
SELECT 'CREATE ROLE isthmus_replication'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'isthmus_replication')
\gexec
ALTER ROLE isthmus_replication LOGIN REPLICATION NOSUPERUSER PASSWORD :'replication_password';
\else
SELECT 'ALTER ROLE isthmus_replication NOLOGIN'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'isthmus_replication')
\gexec
\endif
