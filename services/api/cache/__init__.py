"""Tiles that were made: in memory and on the disk, each made by one builder, found by a key of all that they depend on."""
