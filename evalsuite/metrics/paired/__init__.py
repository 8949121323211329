"""Synthetic volumes that stand for real ones: of translation, restoration, missing sequences."""
