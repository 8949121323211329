"""Whether automatic metrics agree with the readers."""
