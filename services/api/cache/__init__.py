"""Tiles in memory and on the disk, found by a key of all that they depend on; each missing one is made once."""
