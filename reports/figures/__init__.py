"""Figures: each function takes records and returns a matplotlib figure."""
