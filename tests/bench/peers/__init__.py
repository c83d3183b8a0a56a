"""Isthmus beside other servers of OGC API Features and Tiles, on one database in one run: `scripts/bench peers`."""
