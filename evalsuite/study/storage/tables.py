"""The tables of a reader study. What a case is, real or synthetic, stands in none of them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()
# SQLite numbers rows by itself only where the key is a plain INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

studies = Table(
    "studies",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("design", JSON, nullable=False),
    Column("design_hash", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("lead_hash", String(64), nullable=False, unique=True),
    Column("created_at", String(32), nullable=False),
    Column("locked_at", String(32)),
)
cases = Table(
    "cases",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("study", ForeignKey("studies.name"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("feedback", Text),
)
readers = Table(
    "readers",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("study", ForeignKey("studies.name"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("enrolled_at", String(32), nullable=False),
    Column("consented_at", String(32)),
    Column("seen_at", String(32)),
    UniqueConstraint("study", "name"),
)
invitations = Table(
    "invitations",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("reader", ForeignKey("readers.id"), nullable=False, index=True),
    Column("created_at", String(32), nullable=False),
    Column("revoked_at", String(32)),
)
sessions = Table(
    "sessions",
    METADATA,
    Column("cookie_hash", String(64), primary_key=True),
    Column("study", ForeignKey("studies.name"), nullable=False),
    Column("reader", ForeignKey("readers.id")),
    Column("expires", Float, nullable=False),
)
presentations = Table(
    "presentations",
    METADATA,
    Column("token", String(43), primary_key=True),
    Column("reader", ForeignKey("readers.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("cases", JSON, nullable=False),
    Column("repeat_of", Integer),
    UniqueConstraint("reader", "position"),
)
submissions = Table(
    "submissions",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("presentation", ForeignKey("presentations.token"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("key", String(100), nullable=False),
    Column("submitted_at", String(32), nullable=False),
    Column("behaviour", JSON, nullable=False),
    UniqueConstraint("presentation", "revision"),
    UniqueConstraint("presentation", "key"),
)
responses = Table(
    "responses",
    METADATA,
    Column("submission", ForeignKey("submissions.id"), primary_key=True),
    Column("question", String(63), primary_key=True),
    Column("answer", JSON),
)
events = Table(
    "events",
    METADATA,
    Column("study", ForeignKey("studies.name"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(60), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
refusals = Table(
    "refusals",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("address", String(64), nullable=False, index=True),
    Column("reason", String(60), nullable=False),
)
