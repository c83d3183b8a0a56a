"""Rows to bytes, and the choice between formats."""
