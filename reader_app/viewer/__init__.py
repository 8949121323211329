"""The reading component: viewer, questions and submission in the browser."""
