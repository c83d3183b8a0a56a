"""The live catalogue of what the loader published and of sources."""
