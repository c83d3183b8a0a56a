"""Conditions: bbox, datetime, properties, CQL2."""
