"""The kinds of question: each one file, found by its entry point in `evalsuite.question_kinds`."""
