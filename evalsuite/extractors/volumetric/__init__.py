"""Three-dimensional networks, shown whole volumes."""
