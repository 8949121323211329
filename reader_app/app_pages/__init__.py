"""The pages of the app, one file each: `show()` draws it."""
