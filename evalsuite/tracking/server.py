"""Reaching an MLflow server or database: quietly, soon, and with one sentence if it refuses."""

import getpass
import logging
import os
import re
import shlex
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite import extras
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
    "MLFLOW_UV_AUTO_DETECT": "false",  # a model would get the uv project of the working folder
}
PROBE = {
    **ENVIRONMENT,
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
PROBE_SECONDS = 20  # importing MLflow and reading a database take up to ten


class TrackingError(EvalsuiteError):
    """MLflow did not take the results; they are on disk.

    Args:
        uri: the tracking server or database, as configured.
        reason: what it answered.
        kept: where the results are.
        command: logs them later.
    """

    def __init__(self, uri: str, reason: str, kept: str, command: str) -> None:
        super().__init__(
            f"MLflow at {without_password(uri)} did not take the results: "
            f"{without_password(reason).rstrip('.')}. They are safe in {kept}; "
            f"log them later with: {without_password(command)}"
        )


@contextmanager
def answering(kept: Path | str, command: str | None = None) -> Iterator[tuple["MlflowClient", str]]:
    """Yield a client of `MLFLOW_TRACKING_URI` and that address.

    Args:
        kept: the folder where what is logged lies already, or another place, for the error.
        command: what logs it later; None: `evalsuite log` with that folder.

    Raises:
        TrackingError: for whatever goes wrong: results that are safe must not end in a traceback
            because a server, a driver or a library fails. It names the kind of the error.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "its default place")
    with quiet_and_impatient():
        try:
            import mlflow

            uri = mlflow.get_tracking_uri()
            check_database(uri)
            yield mlflow.MlflowClient(uri), uri
        except Exception as error:
            later = command or f"evalsuite log {shlex.quote(str(kept))}"
            raise TrackingError(uri, reason(error), str(kept), later) from error


@contextmanager
def ending(
    client: "MlflowClient", run_id: str, status: str = "FINISHED", *, end: int | None = None
) -> Iterator[None]:
    """Leave a run with a status; as FAILED where an error comes first, as KILLED on Ctrl-C."""
    try:
        yield
    except BaseException as error:
        # The first error is the one to tell: a server that went down cannot mark the run either.
        with suppress(Exception):
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    if status == "RUNNING":
        client.update_run(run_id, status)
    else:
        client.set_terminated(run_id, status, end)


def look() -> tuple[str, str]:
    """Return the address of `MLFLOW_TRACKING_URI` and what is wrong with it, empty if nothing is.

    Nothing is made: of a database file that is not there yet only the folder is tried.
    """
    told: dict[str, str] = {}

    def ask() -> None:
        told["uri"] = os.environ.get("MLFLOW_TRACKING_URI", "its default place")
        try:
            import mlflow

            told["uri"] = uri = mlflow.get_tracking_uri()
            path = _sqlite_path(uri)
            if path is not None and not path.exists():
                _try_folder(path.parent)
            else:
                check_database(uri)
                mlflow.MlflowClient(uri).search_experiments(max_results=1)
            told["fault"] = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong
            told["fault"] = reason(error)

    with quiet_and_impatient(PROBE):
        # A database driver may wait for minutes for a host that is not there.
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(PROBE_SECONDS)
    fault = told.get("fault", f"it did not answer within {PROBE_SECONDS} seconds")
    return without_password(told["uri"]), without_password(fault)


def _try_folder(folder: Path) -> None:
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass


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
def quiet_and_impatient(settings: Mapping[str, str] = ENVIRONMENT) -> Iterator[None]:
    """Lay settings under the user's and hush the notes on database tables, for a while."""
    unset = {name: value for name, value in settings.items() if name not in os.environ}
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
    """Return the first line of what the network or the file system said, else of the error.

    The kind of an error is told where it is none that MLflow and databases raise on purpose.
    """
    if isinstance(error, ModuleNotFoundError) and (sentence := extras.named(error)):
        return sentence
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    if isinstance(root, OSError):
        return root.strerror or str(root) or type(root).__name__
    text = str(error).strip().partition("\n")[0]
    expected = type(error).__module__.partition(".")[0] in ("mlflow", "sqlalchemy", "sqlite3")
    return text if expected and text else f"{type(error).__name__}: {text}".rstrip(": ")


def user() -> str:
    """Return the name of who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "unknown"


def page(uri: str, experiment: str, run_id: str) -> tuple[str, str]:
    """Return the page of a run, and how to see it: the page, after the command that serves it."""
    remote = uri.startswith(("http://", "https://"))
    host = without_password(uri).rstrip("/") if remote else "http://127.0.0.1:5000"
    url = f"{host}/{address(experiment, run_id)}"
    return url, url if remote else f"run `{_ui_command(uri)}`, then open {url}"


def address(experiment: str, run_id: str) -> str:
    """Return where a run stands on whatever server shows it."""
    # Without the last part MLflow 3 surrounds the page with prompts, judges and agents.
    return f"#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"


def _ui_command(uri: str) -> str:
    """Return the command that serves the dashboard of a database."""
    at_default = _sqlite_path(uri) == Path("mlflow.db").resolve()
    option = "" if at_default else f" --backend-store-uri {shlex.quote(without_password(uri))}"
    return f"mlflow ui{option}"


def without_password(text: str) -> str:
    """Return a text whose addresses have lost their user and password."""
    return re.sub(r"://[^/@\s]*@", "://", text)
