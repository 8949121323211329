"""A utility experiment as an MLflow run, with one nested run for each arm."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.tracked import flatten
from evalsuite.tracking.server import (
    METRICS_PER_BATCH,
    PARAMS_PER_BATCH,
    answering,
    experiment_id,
    ui_command,
    user,
    without_password,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

Curves = Mapping[str, Sequence[tuple[int, float]]]


def log_utility(
    directory: Path,
    *,
    experiment: str,
    run_name: str,
    config: Mapping[str, object],
    tags: Mapping[str, str],
    values: Mapping[str, float],
    arms: Mapping[str, Curves],
    files: Mapping[str, Path],
) -> str:
    """Log an experiment that is already on disk and return how to see it.

    Args:
        directory: where it lies, for the error.
        experiment: its name; made if there is none.
        run_name: of the parent run; those of the arms have the arm behind it.
        config: of the experiment, nested; becomes the parameters of every run.
        tags: of every run.
        values: metrics of the parent run; all finite, as databases change other values.
        arms: by name of the arm, its metrics as (step, value) pairs; all finite.
        files: to keep beside the parent run, by their paths there.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with answering(directory) as (client, uri):
        place = experiment_id(client, experiment, uri)
        shared = {**tags, "mlflow.user": user()}
        with _run(client, place, {**shared, "mlflow.runName": run_name}, config) as parent:
            _log(client, parent, {name: [(0, value)] for name, value in values.items()})
            for path, file in files.items():
                client.log_artifact(parent, str(file), path.rpartition("/")[0] or None)
            for arm, curves in arms.items():
                own = {
                    **shared,
                    "mlflow.runName": f"{run_name}: {arm}",
                    "mlflow.parentRunId": parent,
                    "evalsuite.arm": arm,
                }
                with _run(client, place, own, config) as nested:
                    _log(client, nested, curves)
    remote = uri.startswith(("http://", "https://"))
    host = without_password(uri).rstrip("/") if remote else "http://127.0.0.1:5000"
    url = f"{host}/#/experiments/{place}/runs/{parent}?workflowType=machine_learning"
    return url if remote else f"run `{ui_command(uri)}`, then open {url}"


@contextmanager
def _run(
    client: "MlflowClient", experiment: str, tags: Mapping[str, str], config: Mapping[str, object]
) -> Iterator[str]:
    """Make a run with tags and parameters; it ends as finished, or failed on an error."""
    from mlflow import MlflowException
    from mlflow.entities import Param

    run_id: str = client.create_run(experiment, tags=dict(tags)).info.run_id
    try:
        params = [Param(key, value) for key, value in flatten(config).items()]
        for i in range(0, len(params), PARAMS_PER_BATCH):
            client.log_batch(run_id, params=params[i : i + PARAMS_PER_BATCH])
        yield run_id
    except BaseException:
        # The first error is the one to tell: a server that went down cannot mark the run either.
        with suppress(MlflowException):
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _log(client: "MlflowClient", run_id: str, curves: Curves) -> None:
    from mlflow.entities import Metric

    now = round(time.time() * 1000)
    metrics = [
        Metric(name, value, now, step) for name, points in curves.items() for step, value in points
    ]
    for i in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[i : i + METRICS_PER_BATCH])
