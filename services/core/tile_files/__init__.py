"""Readers of PMTiles and MBTiles, which bound what a hostile file can cost."""
