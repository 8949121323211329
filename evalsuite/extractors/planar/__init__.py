"""Two-dimensional networks with published weights, shown the slices of a volume (2.5D)."""
