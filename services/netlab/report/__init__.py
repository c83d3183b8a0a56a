"""Observations as text and JSON, and the last reports left for the API."""
