"""Tiles of low zooms that the API is asked for after a load, so that nobody waits for them."""
