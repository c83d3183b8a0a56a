"""The catalogue's tables: what makes them, and brings them up to date."""
