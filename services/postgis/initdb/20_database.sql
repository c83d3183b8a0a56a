SELECT 'CREATE DATABASE isthmus OWNER isthmus_owner TEMPLATE template0 ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'isthmus')
\gexec

REVOKE ALL ON DATABASE isthmus FROM PUBLIC;
GRANT CONNECT ON DATABASE isthmus TO isthmus_reader;
