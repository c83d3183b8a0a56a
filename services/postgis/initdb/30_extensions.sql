\connect isthmus
CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;

-- An old volume under a newer image.
ALTER EXTENSION postgis UPDATE;
ALTER EXTENSION unaccent UPDATE;
ALTER EXTENSION pg_trgm UPDATE;

-- A dataset may bring a coordinate reference system that PostGIS does not know.
GRANT SELECT, INSERT, UPDATE ON public.spatial_ref_sys TO isthmus_owner;
