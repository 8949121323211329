"""What a study asks, of whom, in which order, and how many readers and cases it takes."""
