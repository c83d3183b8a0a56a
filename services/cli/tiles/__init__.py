"""Tiles from a shell: fill the cache, write archives."""
