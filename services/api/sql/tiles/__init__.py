"""Statements for tiles."""
