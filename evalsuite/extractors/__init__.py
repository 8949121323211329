"""Volumes in, feature vectors out: one file per extractor, found by entry point."""
