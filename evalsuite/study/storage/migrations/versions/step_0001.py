"""All tables, and triggers that keep answers and events from being changed.

Spelt out rather than taken from `tables`, which goes on to change: later steps start from here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
APPEND_ONLY = ("submissions", "responses", "events")
FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
"""


def upgrade() -> None:
    """Make everything."""
    _studies()
    _access()
    _answers()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()


def _studies() -> None:
    op.create_table(
        "studies",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("design", sa.JSON, nullable=False),
        sa.Column("design_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("lead_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("locked_at", sa.String(32)),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column(
            "study", sa.String(63), sa.ForeignKey("studies.name"), nullable=False, index=True
        ),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("feedback", sa.Text),
    )
    op.create_table(
        "readers",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("study", sa.String(63), sa.ForeignKey("studies.name"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("enrolled_at", sa.String(32), nullable=False),
        sa.Column("consented_at", sa.String(32)),
        sa.Column("seen_at", sa.String(32)),
        sa.UniqueConstraint("study", "name"),
    )


def _access() -> None:
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("reader", KEY, sa.ForeignKey("readers.id"), nullable=False, index=True),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("revoked_at", sa.String(32)),
    )
    op.create_table(
        "sessions",
        sa.Column("cookie_hash", sa.String(64), primary_key=True),
        sa.Column("study", sa.String(63), sa.ForeignKey("studies.name"), nullable=False),
        sa.Column("reader", KEY, sa.ForeignKey("readers.id")),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "refusals",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("at", sa.Float, nullable=False, index=True),
        sa.Column("address", sa.String(64), nullable=False, index=True),
        sa.Column("reason", sa.String(60), nullable=False),
    )


def _answers() -> None:
    op.create_table(
        "presentations",
        sa.Column("token", sa.String(43), primary_key=True),
        sa.Column("reader", KEY, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("cases", sa.JSON, nullable=False),
        sa.Column("repeat_of", sa.Integer),
        sa.UniqueConstraint("reader", "position"),
    )
    op.create_table(
        "submissions",
        sa.Column("id", KEY, primary_key=True),
        sa.Column(
            "presentation", sa.String(43), sa.ForeignKey("presentations.token"), nullable=False
        ),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("submitted_at", sa.String(32), nullable=False),
        sa.Column("behaviour", sa.JSON, nullable=False),
        sa.UniqueConstraint("presentation", "revision"),
        sa.UniqueConstraint("presentation", "key"),
    )
    op.create_table(
        "responses",
        sa.Column("submission", KEY, sa.ForeignKey("submissions.id"), primary_key=True),
        sa.Column("question", sa.String(63), primary_key=True),
        sa.Column("answer", sa.JSON),
    )
    op.create_table(
        "events",
        sa.Column("study", sa.String(63), sa.ForeignKey("studies.name"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _sqlite_triggers() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _postgresql_triggers() -> None:
    op.execute(FUNCTION)
    for table in APPEND_ONLY:
        for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION refuse_change()"
            )
