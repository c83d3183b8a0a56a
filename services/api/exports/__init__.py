"""Everything that matches as a file, which a process of its own writes."""
