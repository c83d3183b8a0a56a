"""Tables of versions: their columns, the copying of rows, checks, order on the disk, indexes, and their end."""
