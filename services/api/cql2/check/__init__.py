"""Names and types of a CQL2 tree against what a collection publishes."""
