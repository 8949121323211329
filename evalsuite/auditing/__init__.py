"""Whether a generator has memorised volumes: an audit with a hold-out."""
