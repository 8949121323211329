"""Reaching an MLflow server or database: quietly, soon, and with one sentence if it refuses."""

import getpass
import logging
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.errors import EvalsuiteError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow's own defaults retry a dead server for about four minutes and report usage to its makers.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
PARAMS_PER_BATCH = 100
METRICS_PER_BATCH = 1000


class TrackingError(EvalsuiteError):
    """MLflow did not take the results; they are on disk.

    Args:
        uri: the tracking server or database, as configured.
        reason: what it answered.
        directory: where the results are.
    """

    def __init__(self, uri: str, reason: str, directory: Path) -> None:
        super().__init__(
            f"MLflow at {without_password(uri)} did not take the results: "
            f"{without_password(reason).rstrip('.')}. They are safe in {directory}; "
            f"log them later with: evalsuite log {shlex.quote(str(directory))}"
        )


@contextmanager
def answering(directory: Path) -> Iterator[tuple["MlflowClient", str]]:
    """Yield a client of `MLFLOW_TRACKING_URI` and that address.

    Args:
        directory: where what is logged lies already, for the error.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with quiet_and_impatient():
        import mlflow
        from sqlalchemy.exc import SQLAlchemyError

        uri = mlflow.get_tracking_uri()
        try:
            check_database(uri)
            yield mlflow.MlflowClient(uri), uri
        except (mlflow.MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise TrackingError(uri, reason(error), directory) from error


def experiment_id(client: "MlflowClient", name: str, uri: str) -> str:
    """Return the identifier of the experiment, made if there is none."""
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        # MLflow would put the files of any database below the working folder of this moment.
        database = _sqlite_path(uri)
        location = (database.parent / "mlruns").as_uri() if database else None
        try:
            return str(client.create_experiment(name, location))
        except MlflowException:
            # Jobs that start together may both find none.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _sqlite_path(uri: str) -> Path | None:
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    is_file = uri.startswith("sqlite:///") and path not in ("", ":memory:")
    return Path(path).resolve() if is_file else None


def check_database(uri: str) -> None:
    """Raise what SQLite says of an unusable file, which MLflow asks again for 100 seconds."""
    if path := _sqlite_path(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")


@contextmanager
def quiet_and_impatient() -> Iterator[None]:
    """Lay `ENVIRONMENT` under the user's and hush the notes on database tables, for a while."""
    unset = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(unset)
    # Importing MLflow sets the level of its own logger, but not of those below it.
    loggers = [logging.getLogger(name) for name in ("mlflow.store.db.utils", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name in unset:
            os.environ.pop(name, None)


def reason(error: BaseException) -> str:
    """Return the first line of what the network or the file system said, else of the error."""
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    if isinstance(root, OSError):
        return root.strerror or str(root) or type(root).__name__
    return str(error).strip().partition("\n")[0]


def user() -> str:
    """Return the name of who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "unknown"


def ui_command(uri: str) -> str:
    """Return the command that serves the dashboard of a database."""
    at_default = _sqlite_path(uri) == Path("mlflow.db").resolve()
    option = "" if at_default else f" --backend-store-uri {shlex.quote(without_password(uri))}"
    return f"mlflow ui{option}"


def without_password(text: str) -> str:
    """Return a text whose addresses have lost their user and password."""
    return re.sub(r"://[^/@\s]*@", "://", text)
