"""Values to SQL: each function returns a Statement and opens nothing."""
