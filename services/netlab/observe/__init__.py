"""Asks the Docker engine, the host and each container; the only room that does."""
