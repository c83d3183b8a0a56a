"""The live catalogue of what the loader published and of sources, and the reports of the network lab."""
