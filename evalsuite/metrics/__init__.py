"""Features or volumes in, estimates out: pure functions, one file per family."""
