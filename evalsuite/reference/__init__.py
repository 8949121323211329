"""Statistics of real features that stand in for volumes which may not be shared."""
