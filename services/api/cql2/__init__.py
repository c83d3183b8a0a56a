"""CQL2 1.0 (OGC 21-065r2): text and JSON to a tree and back, checked against a collection. No SQL here, no HTTP."""
