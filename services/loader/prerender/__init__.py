"""Tiles of low zooms, requested from the API after a load, so that no client waits for them."""
