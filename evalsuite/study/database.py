"""SQLite or PostgreSQL: an engine, transactions that keep what they promise, and migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from evalsuite.errors import EvalsuiteError

BUSY_SECONDS = 30


class DatabaseError(EvalsuiteError):
    """The database does not answer or refuses; its message names it, and is not for readers."""


def connect(url: str) -> Engine:
    """Return an engine for `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`.

    A commit has reached the disk when it returns, on both.

    Raises:
        EvalsuiteError: for another address, or if the driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+pg8000")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError  # noqa: TRY301
        engine = create_engine(parsed, pool_size=16, max_overflow=32, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        shown = url.partition("@")[2] or url
        raise EvalsuiteError(
            f"{shown}: not a database of studies. Expected sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    except ModuleNotFoundError:
        raise EvalsuiteError(
            "PostgreSQL needs the driver pg8000. Install it with: "
            "pip install 'evalsuite[postgresql]'."
        ) from None
    except OSError as error:
        raise EvalsuiteError(f"{error.filename}: it cannot be made: {error.strerror}.") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the database."""
    with _sentences(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that has written all of it, or nothing, when it ends.

    On SQLite it waits for other writers before it starts (BEGIN IMMEDIATE), since a transaction
    that begins to write half-way could only fail.
    """
    with (
        _sentences(engine),
        engine.connect().execution_options(immediate=True) as connection,
        connection.begin(),
    ):
        yield connection


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; several processes may try at once."""
    from alembic import command

    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(736513)")
        command.upgrade(_alembic(connection), "head")


def check_schema(engine: Engine) -> None:
    """Raise EvalsuiteError unless the schema is the one of this version."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        empty = not inspect(connection).has_table("studies")
        head = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
    if found != head:
        shown = engine.url.render_as_string(hide_password=True)
        what = "it holds no studies yet" if empty else "its tables are of another version"
        raise EvalsuiteError(
            f"{shown}: {what}. Run `evalsuite study create`, or `evalsuite study migrate` to "
            "bring an older database up to date."
        )


def _alembic(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _sentences(engine: Engine) -> Iterator[None]:
    """Turn what a database says when it cannot be used into a sentence."""
    try:
        yield
    except OperationalError as error:
        raise DatabaseError(_refused(engine, error)) from error
    except DBAPIError as error:
        if error.connection_invalidated or "Interface" in type(error).__name__:
            raise DatabaseError(_refused(engine, error)) from error
        raise


def _refused(engine: Engine, error: DBAPIError) -> str:
    reason = " ".join(str(error.orig).split())[:200]
    shown = engine.url.render_as_string(hide_password=True)
    return f"{shown}: the database refuses: {reason}. Check that it is there and can be written."
