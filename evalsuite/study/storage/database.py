"""SQLite or PostgreSQL: an engine, transactions that keep what they promise, and migrations."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from evalsuite import extras
from evalsuite.errors import EvalsuiteError

BUSY_SECONDS = 30
STEPS = Path(__file__).parent / "migrations"
# SQLSTATEs of a PostgreSQL server that cannot serve now or does not let one in: connection lost,
# not let in, no such database, deadlock, out of resources, going down or coming up, no permission.
UNUSABLE = ("08", "28", "3D", "40", "53", "57", "58", "42501")


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
            if not (parsed.username or "user" in parsed.query):  # pg8000 wants one
                raise ArgumentError  # noqa: TRY301
            extras.require("postgresql", purpose="A database of PostgreSQL")
            parsed = parsed.set(drivername="postgresql+pg8000")
        elif parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
            raise ArgumentError  # noqa: TRY301
        engine = create_engine(parsed, pool_size=16, max_overflow=32, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        shown = url.partition("@")[2] or url
        raise EvalsuiteError(
            f"{shown}: not a database of studies. Expected sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _configure_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
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

    file = _file(engine)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvalsuiteError(f"{error.filename}: it cannot be made: {error.strerror}.") from None
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(736513)")
        _refuse_newer(engine, connection)
        command.upgrade(_alembic(connection), "head")


def check_schema(engine: Engine) -> None:
    """Raise EvalsuiteError unless the schema is the one of this version."""
    file = _file(engine)
    if file is not None and not file.exists():  # connecting would make it
        current = None
    else:
        with reading(engine) as connection:
            _refuse_newer(engine, connection)
            current, steps = _steps(connection)
        if current == steps[0]:
            return
    what = "its tables are of an older version" if current else "it holds no studies yet"
    raise EvalsuiteError(
        f"{_shown(engine)}: {what}. Run `evalsuite study create`, or `evalsuite study migrate` to "
        "bring an older database up to date."
    )


def _file(engine: Engine) -> Path | None:
    """Return the file of an SQLite database, None for a server."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def _refuse_newer(engine: Engine, connection: Connection) -> None:
    current, steps = _steps(connection)
    if current is not None and current not in steps:
        raise EvalsuiteError(
            f"{_shown(engine)}: its tables (step {current}) were made by a newer version of "
            f"evalsuite than this one, which knows step {steps[0]} at most. Install that version."
        )


def _steps(connection: Connection) -> tuple[str | None, list[str]]:
    """Return the step a database stands at, None if it is empty, and all steps, newest first."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = ScriptDirectory.from_config(_alembic(connection)).walk_revisions()
    current = MigrationContext.configure(connection).get_current_revision()
    return current, [step.revision for step in known]


def _alembic(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS))
    config.attributes["connection"] = connection
    return config


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",  # or INSERT OR REPLACE would delete without asking the triggers
    ):
        cursor.execute(f"PRAGMA {pragma}")
    _use_wal(cursor)
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # While several open a new file SQLite refuses this one statement at once, without busy_timeout.
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _configure_postgresql(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # A server may be set up to say "committed" before it is; answers are worth the wait.
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    # What waits for a lock must then see what the holder wrote; what only reads sees one state.
    writes = connection.get_execution_options().get("immediate", False)
    level = "READ COMMITTED" if writes else "REPEATABLE READ"
    connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")


@contextmanager
def _sentences(engine: Engine) -> Iterator[None]:
    """Turn what a database says when it cannot be used into a sentence."""
    try:
        yield
    except OSError as error:  # pg8000 lets those of its socket through
        raise _refused(engine, str(error)) from error
    except DBAPIError as error:
        state, said = _said(error)
        lost = error.connection_invalidated or "Interface" in type(error).__name__
        if lost or isinstance(error, OperationalError) or state.startswith(UNUSABLE):
            raise _refused(engine, said) from error
        raise


def _refused(engine: Engine, said: str) -> DatabaseError:
    reason = " ".join(said.split())[:200]
    return DatabaseError(
        f"{_shown(engine)}: the database refuses: {reason}. "
        "Check that it is there and can be written."
    )


def _said(error: DBAPIError) -> tuple[str, str]:
    """Return the SQLSTATE, where there is one, and the message of a database's error."""
    message = error.orig.args[0] if error.orig and error.orig.args else ""
    if isinstance(message, dict):  # pg8000 passes on the fields of the server's message
        return message.get("C", ""), message.get("M", "")
    return "", str(message)


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
