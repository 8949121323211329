"""What readers answered, and how cohorts differ in it."""
