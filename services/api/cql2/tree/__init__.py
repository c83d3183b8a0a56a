"""The nodes of a CQL2 tree: operators, literals, geometries, limits, errors."""
