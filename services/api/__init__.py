"""HTTP: OGC API features and vector tiles from PostGIS."""
