"""CQL2 text to a tree and back, and what GDAL writes in its place."""
