"""Connections, names, files and pages that the check tries."""
