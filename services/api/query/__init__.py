"""What a request asks for, as values: filter, page order, cursor, coordinate system, page."""
