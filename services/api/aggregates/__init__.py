"""Groups of features: how many, sums and other aggregates of their properties; and facets."""
