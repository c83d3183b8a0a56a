"""Geometries as WKB: their types, and what is repaired in their bytes before PostGIS sees them."""
