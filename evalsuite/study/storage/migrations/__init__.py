"""The schema of the studies, step by step; alembic runs it."""
