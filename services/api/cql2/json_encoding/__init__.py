"""CQL2 JSON to a tree and back."""
