"""Everything that matches as one stream, or as a file that a process of its own writes."""
