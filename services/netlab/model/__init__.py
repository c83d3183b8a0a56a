"""What was seen, tried and found, as values, and what follows from them."""
