"""Files of tiles (PMTiles, MBTiles), which are looked at and served as they are."""
