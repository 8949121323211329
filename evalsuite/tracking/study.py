"""A reader study as an MLflow run, with one nested run for each reader."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.tracked import flatten
from evalsuite.tracking.server import PARAMS_PER_BATCH, answering, experiment_id, user

if TYPE_CHECKING:
    from mlflow import MlflowClient


def log_study(
    study: str,
    identity: str,
    directory: Path,
    *,
    experiment: str,
    design: Mapping[str, object],
    values: Mapping[str, float],
    readers: Mapping[str, Mapping[str, float]],
    files: Sequence[Path] = (),
    closed: bool = False,
) -> str:
    """Bring the runs of a study up to date and return the identifier of the parent run.

    The runs are found again by their tags, so the call may be repeated at any time and from any
    machine.

    Args:
        study: its name.
        identity: what no other study of that name has, the hash of its design.
        directory: where the study lies, for the error.
        experiment: its name; made if there is none.
        design: of the study, nested; becomes the parameters.
        values: counts and, once it is closed, ratings, by name.
        readers: by name of the reader, counts and durations.
        files: exports to keep beside the run.
        closed: whether nothing more can come.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with answering(directory) as (client, uri):
        from mlflow.entities import Param

        place = experiment_id(client, experiment, uri)
        tags = {"mlflow.runName": study, "evalsuite.study": identity, "evalsuite.reader": ""}
        parent, new = _found_or_made(client, place, tags)
        if new:
            params = [Param(key, value) for key, value in flatten(dict(design)).items()]
            for i in range(0, len(params), PARAMS_PER_BATCH):
                client.log_batch(parent, params=params[i : i + PARAMS_PER_BATCH])
        _log(client, parent, values)
        for file in files:
            client.log_artifact(parent, str(file))
        for reader, own in readers.items():
            tags = {
                "mlflow.runName": f"{study}: {reader}",
                "mlflow.parentRunId": parent,
                "evalsuite.study": identity,
                "evalsuite.reader": reader,
            }
            run_id, _ = _found_or_made(client, place, tags)
            _log(client, run_id, own)
            client.set_terminated(run_id, "FINISHED")
        if closed:
            client.set_terminated(parent, "FINISHED")
    return parent


def _found_or_made(
    client: "MlflowClient", experiment: str, tags: Mapping[str, str]
) -> tuple[str, bool]:
    """Return the run with these tags and whether it is new."""
    # A name may hold quotes, which a filter cannot; the hash is safe.
    one_study = f"tags.`evalsuite.study` = '{tags['evalsuite.study']}'"
    for run in client.search_runs([experiment], one_study, max_results=1000):
        if run.data.tags.get("evalsuite.reader", "") == tags["evalsuite.reader"]:
            return str(run.info.run_id), False
    made = client.create_run(experiment, tags={**tags, "mlflow.user": user()})
    return str(made.info.run_id), True


def _log(client: "MlflowClient", run_id: str, values: Mapping[str, float]) -> None:
    from mlflow.entities import Metric

    now = round(time.time() * 1000)
    client.log_batch(run_id, metrics=[Metric(k, float(v), now, 0) for k, v in values.items()])
