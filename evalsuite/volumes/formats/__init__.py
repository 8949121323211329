"""One reader a format: path -> Loaded, or a Problem that says what is wrong with the file."""
