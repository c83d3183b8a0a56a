"""PostgreSQL: statements as values, the connections that run them, what its errors mean. All that touches libpq."""
