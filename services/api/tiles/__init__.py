"""TileService: tiles made of collections, archives and functions; their budget."""
