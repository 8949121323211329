"""Results to MLflow: one run per evaluation. The only module that imports mlflow."""

import getpass
import json
import logging
import os
import re
import shlex
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Evaluation
from evalsuite.tracked import comparison, flatten, metric_values, tag_values

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
DIGEST_LENGTH = 36
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
            f"MLflow at {_without_password(uri)} did not take the results: "
            f"{_without_password(reason).rstrip('.')}. They are safe in {directory}; "
            f"log them later with: evalsuite log {shlex.quote(str(directory))}"
        )


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """Where an evaluation went.

    Args:
        run_id: of the run (the parent run if there are several synthetic cohorts).
        experiment_id: of its experiment.
        tracking_uri: the server or database, without a password.
        url: the page of the run, where a server shows it.
        hint: how to see it: `url`, after the command that serves it if need be.
        nested: by name of the synthetic cohort, the nested run; empty if there is only one.
    """

    run_id: str
    experiment_id: str
    tracking_uri: str
    url: str
    hint: str
    nested: dict[str, str] = field(default_factory=dict)


def log_evaluation(
    evaluation: Evaluation, directory: Path, *, experiment: str, run_name: str | None = None
) -> TrackedRun:
    """Log an evaluation that is already on disk to the MLflow of `MLFLOW_TRACKING_URI`.

    Without that variable it is MLflow's own default, a database in the working folder. One
    synthetic cohort makes one run; several make a parent run, which holds the files and a
    comparison table, and one nested run each. A metric is called `EXTRACTOR/NAME` (`volumes/NAME`
    where no extractor was used); beside it stand `/low`, `/high`, `/standard_error` and
    `/reference`. Values that are nan or infinite are not logged, as databases change them:
    the tag `evalsuite.undefined` names them.

    Args:
        directory: what `evalsuite.results.write_results` wrote; becomes the run's artifacts.
        experiment: its name; made if there is none.
        run_name: None for one made of the names of the cohorts.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with _quiet_and_impatient():
        import mlflow
        from sqlalchemy.exc import SQLAlchemyError

        uri = mlflow.get_tracking_uri()
        try:
            _check_database(uri)
            client = mlflow.MlflowClient(uri)
            experiment_id = _experiment(client, experiment, uri)
            run_id, nested = _log_runs(client, experiment_id, evaluation, directory, run_name)
        except (mlflow.MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise TrackingError(uri, _reason(error), directory) from error
    shown = _without_password(uri)
    remote = uri.startswith(("http://", "https://"))
    host = shown.rstrip("/") if remote else "http://127.0.0.1:5000"
    # Without the last part MLflow 3 surrounds the page with prompts, judges and agents.
    url = f"{host}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"
    hint = url if remote else f"run `{_server(uri)}`, then open {url}"
    return TrackedRun(run_id, experiment_id, shown, url, hint, nested)


def log_training(
    run_id: str | None,
    directory: Path,
    *,
    experiment: str,
    run_name: str,
    params: Mapping[str, object],
    step: int,
    values: Mapping[str, float],
    files: Sequence[Path] = (),
    finished: bool = False,
) -> str:
    """Log a moment of a training to MLflow and return the identifier of its run.

    Args:
        run_id: what an earlier call returned; None makes a run.
        directory: where the training keeps its history, for the error.
        experiment: its name; made if there is none.
        run_name: of a new run.
        params: configuration of a new run, nested.
        step: of the training.
        values: by name.
        files: figures and cards to keep beside the run.
        finished: whether this is the last call.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with _quiet_and_impatient():
        import mlflow
        from mlflow.entities import Metric, Param
        from sqlalchemy.exc import SQLAlchemyError

        uri = mlflow.get_tracking_uri()
        now = round(time.time() * 1000)
        try:
            _check_database(uri)
            client = mlflow.MlflowClient(uri)
            if run_id is None:
                tags = {"mlflow.runName": run_name, "mlflow.user": _user()}
                experiment_id = _experiment(client, experiment, uri)
                run_id = str(client.create_run(experiment_id, now, tags).info.run_id)
                entries = [Param(key, value) for key, value in flatten(dict(params)).items()]
                for i in range(0, len(entries), PARAMS_PER_BATCH):
                    client.log_batch(run_id, params=entries[i : i + PARAMS_PER_BATCH])
            metrics = [Metric(name, value, now, step) for name, value in values.items()]
            client.log_batch(run_id, metrics=metrics)
            for file in files:
                client.log_artifact(run_id, str(file), f"step-{step:07d}")
            if finished:
                client.set_terminated(run_id, "FINISHED")
        except (mlflow.MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise TrackingError(uri, _reason(error), directory) from error
    return run_id


def _log_runs(
    client: "MlflowClient",
    experiment_id: str,
    evaluation: Evaluation,
    directory: Path,
    run_name: str | None,
) -> tuple[str, dict[str, str]]:
    """Return the run and, by cohort, the nested runs."""
    import pandas as pd

    cohorts = evaluation.synthetic
    several = f"{len(cohorts)} cohorts" if len(cohorts) > 3 else ", ".join(c.name for c in cohorts)
    tags = {"mlflow.runName": run_name or f"{several} vs {evaluation.real.name}"}
    nested = {}
    with _run(client, experiment_id, evaluation, tags) as run_id:
        client.log_artifacts(run_id, str(directory))
        if len(cohorts) == 1:
            _log_metrics(client, run_id, evaluation)
            return run_id, {}
        table = comparison(evaluation)
        client.log_text(run_id, pd.DataFrame(table).to_csv(index=False), "comparison.csv")
        client.log_table(run_id, table, "comparison.json")
        for cohort in cohorts:
            tags = {
                "mlflow.runName": f"{cohort.name} vs {evaluation.real.name}",
                "mlflow.parentRunId": run_id,
            }
            own = tuple(e for e in evaluation.estimates if e.synthetic == cohort.name)
            part = replace(evaluation, synthetic=(cohort,), estimates=own)
            with _run(client, experiment_id, part, tags) as nested_id:
                _log_metrics(client, nested_id, part)
            nested[cohort.name] = nested_id
    return run_id, nested


@contextmanager
def _run(
    client: "MlflowClient", experiment_id: str, evaluation: Evaluation, tags: Mapping[str, str]
) -> Iterator[str]:
    """Make a run with parameters, tags and datasets; it ends as finished, or failed on an error."""
    from mlflow import MlflowException
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param

    start = _start(evaluation)
    all_tags = {**tags, **tag_values(evaluation), "mlflow.user": _user()}
    run_id: str = client.create_run(experiment_id, start, all_tags).info.run_id
    try:
        params = [Param(key, value) for key, value in flatten(evaluation.config).items()]
        for i in range(0, len(params), PARAMS_PER_BATCH):
            client.log_batch(run_id, params=params[i : i + PARAMS_PER_BATCH])
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
            for cohort in (evaluation.real, *evaluation.synthetic)
        ]
        client.log_inputs(run_id, datasets)
        yield run_id
    except BaseException:
        # The first error is the one to tell: a server that went down cannot mark the run either.
        with suppress(MlflowException):
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED", start + round(evaluation.seconds * 1000))


def _log_metrics(client: "MlflowClient", run_id: str, evaluation: Evaluation) -> None:
    from mlflow.entities import Metric

    numbers, _ = metric_values(evaluation.estimates)
    metrics = [Metric(name, value, _start(evaluation), 0) for name, value in numbers.items()]
    for i in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[i : i + METRICS_PER_BATCH])


def _start(evaluation: Evaluation) -> int:
    """Return when the evaluation started, in milliseconds since 1970."""
    return round(datetime.fromisoformat(evaluation.started).timestamp() * 1000)


def _experiment(client: "MlflowClient", name: str, uri: str) -> str:
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


def _check_database(uri: str) -> None:
    """Raise what SQLite says of an unusable file, which MLflow asks again for 100 seconds."""
    if path := _sqlite_path(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")


@contextmanager
def _quiet_and_impatient() -> Iterator[None]:
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


def _reason(error: BaseException) -> str:
    """Return the first line of what the network or the file system said, else of the error."""
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    if isinstance(root, OSError):
        return root.strerror or str(root) or type(root).__name__
    return str(error).strip().partition("\n")[0]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "unknown"


def _server(uri: str) -> str:
    at_default = _sqlite_path(uri) == Path("mlflow.db").resolve()
    option = "" if at_default else f" --backend-store-uri {shlex.quote(_without_password(uri))}"
    return f"mlflow ui{option}"


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)
