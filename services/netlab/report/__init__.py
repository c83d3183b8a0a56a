"""Observations and findings as text and JSON, and the last ones left for the API."""
