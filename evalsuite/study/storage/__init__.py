"""Where a study lies: readers, orders and answers in SQLite or PostgreSQL, nothing ever lost."""
