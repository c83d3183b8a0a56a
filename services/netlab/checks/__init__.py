"""What each mode promises, a theme a module: pure functions of what was seen and tried."""
