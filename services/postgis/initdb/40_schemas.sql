\connect isthmus
-- isthmus: the catalogue; data: one table per version of a collection.
CREATE SCHEMA IF NOT EXISTS isthmus AUTHORIZATION isthmus_owner;
CREATE SCHEMA IF NOT EXISTS data AUTHORIZATION isthmus_owner;

GRANT USAGE ON SCHEMA isthmus, data TO isthmus_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE isthmus_owner IN SCHEMA isthmus, data GRANT SELECT ON TABLES TO isthmus_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE isthmus_owner IN SCHEMA isthmus, data GRANT SELECT ON SEQUENCES TO isthmus_reader;
