"""Reaching an MLflow server or database: quietly, soon, and with one sentence if it refuses."""

import getpass
import json
import logging
import os
import re
import shlex
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.errors import EvalsuiteError
from evalsuite.records import CohortRecord
from evalsuite.tracking.record import TAG_LENGTH, RunRecord, flatten, key_of, shortened

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# MLflow's own defaults retry a dead server for about four minutes and report usage to its makers.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
PROBE = {
    **ENVIRONMENT,
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
PROBE_SECONDS = 20  # importing MLflow and reading a database take up to ten
PARAMS_PER_BATCH = 100
METRICS_PER_BATCH = 1000
DIGEST_LENGTH = 36  # the most that MLflow holds


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


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """Where a record went.

    Args:
        run_id: of its run.
        experiment_id: of the experiment.
        tracking_uri: the server or database, without a password.
        url: the page of the run, where a server shows it.
        hint: how to see it: `url`, after the command that serves it if need be.
        nested: by name, the runs below it.
    """

    run_id: str
    experiment_id: str
    tracking_uri: str
    url: str
    hint: str
    nested: dict[str, str] = field(default_factory=dict)


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


def log(
    record: RunRecord, *, experiment: str, kept: Path | str, command: str | None = None
) -> TrackedRun:
    """Bring the run of a record, and those below it, up to date; make those that are not there.

    It goes to the MLflow of `MLFLOW_TRACKING_URI`; without that variable to MLflow's own default,
    a database in the working folder. The call may be repeated at any time and from any machine:
    what MLflow has is not sent again, and what it missed is made up for.

    Args:
        experiment: its name; made if there is none.
        kept: where the results are safe, for the error.
        command: what logs them later; None: `evalsuite log` with `kept`.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with answering(kept, command) as (client, uri):
        place = experiment_id(client, experiment, uri)
        run_id, nested = _log(client, place, record, {})
    url, hint = page(uri, place, run_id)
    return TrackedRun(run_id, place, without_password(uri), url, hint, nested)


def _log(
    client: "MlflowClient", place: str, record: RunRecord, above: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return the run of a record and, by name, those directly below it."""
    from mlflow.entities import RunTag

    wanted = {**record.tags, **record.identity, "mlflow.runName": record.name, **above}
    tags = {key_of(name): shortened(value, TAG_LENGTH) for name, value in wanted.items()}
    known = _found(client, place, record.identity)
    if known is None:
        tags["mlflow.user"] = user()
        run_id = str(client.create_run(place, record.start, tags).info.run_id)
    else:
        run_id = known.info.run_id
    nested = {}
    with ending(client, run_id, record.status, end=record.end):
        if known is not None:
            client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
        _log_params(client, run_id, record, known)
        _log_points(client, run_id, record, known)
        if known is None or not known.inputs.dataset_inputs:
            _log_cohorts(client, run_id, record.cohorts)
        for path, file in record.files.items():
            if file.is_dir():
                client.log_artifacts(run_id, str(file), path or None)
            else:
                client.log_artifact(run_id, str(file), path.rpartition("/")[0] or None)
        if record.tables:
            _log_tables(client, run_id, record.tables)
        for name, part in record.nested.items():
            nested[name], _ = _log(client, place, part, {"mlflow.parentRunId": run_id})
    return run_id, nested


def _found(client: "MlflowClient", place: str, identity: Mapping[str, str]) -> "Run | None":
    """Return the run of that identity, or None."""
    first, *_ = identity
    # A name may hold quotes, which a filter cannot; a hash is safe.
    alike = client.search_runs([place], f"tags.`{first}` = '{identity[first]}'", max_results=1000)
    for run in alike:
        if all(run.data.tags.get(name, "") == value for name, value in identity.items()):
            return run
    return None


def _log_params(
    client: "MlflowClient", run_id: str, record: RunRecord, known: "Run | None"
) -> None:
    """Log the leaves of the configuration; those that are there cannot change."""
    from mlflow.entities import Param

    there = known.data.params if known else {}
    leaves = flatten(record.config)
    params = [Param(key, value) for key, value in leaves.items() if key not in there]
    for i in range(0, len(params), PARAMS_PER_BATCH):
        client.log_batch(run_id, params=params[i : i + PARAMS_PER_BATCH])


def _log_points(
    client: "MlflowClient", run_id: str, record: RunRecord, known: "Run | None"
) -> None:
    """Log the points that are not there."""
    from mlflow.entities import Metric

    there = {
        (name, point.step): point.value
        for name in (known.data.metrics if known else ())
        for point in client.get_metric_history(run_id, name)
    }
    moment = round(time.time() * 1000) if record.start is None else record.start
    metrics = [
        Metric(key_of(name), float(value), moment, step)
        for name, value, step in record.points
        if there.get((key_of(name), step)) != value
    ]
    for i in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[i : i + METRICS_PER_BATCH])


def _log_cohorts(client: "MlflowClient", run_id: str, cohorts: Sequence[CohortRecord]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    datasets = [
        DatasetInput(
            Dataset(
                name=cohort.name,
                digest=cohort.fingerprint[:DIGEST_LENGTH],
                source_type="local",
                source=json.dumps({"uri": cohort.source}),
                profile=json.dumps(
                    {
                        "volumes": len(cohort.volumes),
                        "skipped": len(cohort.skipped),
                        "fingerprint": cohort.fingerprint,
                    }
                ),
            ),
            [InputTag("mlflow.data.context", cohort.role)],
        )
        for cohort in cohorts
    ]
    if datasets:
        client.log_inputs(run_id, datasets)


def _log_tables(
    client: "MlflowClient", run_id: str, tables: Mapping[str, Mapping[str, list[Any]]]
) -> None:
    import pandas as pd

    there = {item.path for item in client.list_artifacts(run_id)}
    for name, table in tables.items():
        client.log_text(run_id, pd.DataFrame(table).to_csv(index=False), f"{name}.csv")
        if f"{name}.json" not in there:  # MLflow would add the rows to those that are there
            client.log_table(run_id, dict(table), f"{name}.json")


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
    # Without the last part MLflow 3 surrounds the page with prompts, judges and agents.
    url = f"{host}/#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"
    return url, url if remote else f"run `{_ui_command(uri)}`, then open {url}"


def _ui_command(uri: str) -> str:
    """Return the command that serves the dashboard of a database."""
    at_default = _sqlite_path(uri) == Path("mlflow.db").resolve()
    option = "" if at_default else f" --backend-store-uri {shlex.quote(without_password(uri))}"
    return f"mlflow ui{option}"


def without_password(text: str) -> str:
    """Return a text whose addresses have lost their user and password."""
    return re.sub(r"://[^/@\s]*@", "://", text)
