"""A benchmark as text, as JSON and as a page."""
