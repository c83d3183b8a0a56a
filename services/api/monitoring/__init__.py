"""What is counted and measured of requests."""
