"""What the loader published, as values: collections, archives of tiles, and what is known of where their rows lie."""
