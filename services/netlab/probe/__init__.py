"""Tries: connections, names, files, pages."""
