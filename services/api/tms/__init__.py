"""Tile matrix sets, tiles and tilesets as values, and the JSON that sets are registered as."""
