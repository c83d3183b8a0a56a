"""What becomes of each file: told of in the catalogue, held against it, and what the loader is doing meanwhile."""
