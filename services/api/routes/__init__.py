"""View functions. They connect the other parts and hold no logic of their own."""
