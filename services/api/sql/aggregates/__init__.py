"""Statements that group features."""
