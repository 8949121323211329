"""A certificate that metrics can be trusted on the user's own real volumes: faults are planted."""
