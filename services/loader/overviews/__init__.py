"""Overviews: which features tiles of low zooms show, and the tables that these tiles are made from."""
