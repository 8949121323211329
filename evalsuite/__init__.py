"""Prove, or disprove, that synthetic 3D medical volumes are good."""

__version__ = "0.1.0"
