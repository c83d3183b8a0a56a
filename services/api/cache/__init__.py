"""Tiles that were made, in memory and on the disk: found by a key of all they depend on, each made by one builder."""
