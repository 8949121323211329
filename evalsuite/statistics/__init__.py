"""Bootstrap, agreement, multi-reader multi-case analysis: pure functions on long tables."""
