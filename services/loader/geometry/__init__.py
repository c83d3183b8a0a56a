"""Geometries: as WKB, a whole column at a time, and what is wrong with them."""
