"""Looks at the data of other people's tables: extents, systems, writes, and when to look again."""
