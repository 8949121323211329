"""Published ways to compare volumes, by name: what a number has to share to stand beside theirs."""
