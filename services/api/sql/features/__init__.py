"""Statements for features: pages, single features, exports."""
