"""CQL2 in SQL."""
