"""Whether readers agree, with one another and with themselves."""
