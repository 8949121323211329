"""All tables, and triggers that keep answers and events from being changed."""

from alembic import op

from evalsuite.study.tables import APPEND_ONLY, METADATA

revision = "0001"
down_revision = None

FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
"""


def upgrade() -> None:
    """Make everything."""
    connection = op.get_bind()
    METADATA.create_all(connection)
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.exec_driver_sql(FUNCTION)
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            if sqlite:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
            else:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
                )
