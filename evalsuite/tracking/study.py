"""A reader study as an MLflow run, with one nested run for each reader."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.tracking.server import (
    answering,
    ending,
    experiment_id,
    log_params,
    log_points,
    user,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


def log_study(
    study: str,
    identity: str,
    *,
    kept: str,
    command: str,
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
        kept, command: where the answers are safe and what logs them later, for the error.
        experiment: its name; made if there is none.
        design: of the study, nested; becomes the parameters.
        values: counts and, once it is closed, ratings, by name.
        readers: by name of the reader, counts and durations.
        files: exports to keep beside the run.
        closed: whether nothing more can come.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with answering(kept, command) as (client, uri):
        place = experiment_id(client, experiment, uri)
        tags = {"mlflow.runName": study, "evalsuite.study": identity, "evalsuite.reader": ""}
        parent = _found_or_made(client, place, tags)
        with ending(client, parent, "FINISHED" if closed else "RUNNING"):
            if not client.get_run(parent).data.params:
                log_params(client, parent, design)
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
                run_id = _found_or_made(client, place, tags)
                with ending(client, run_id):
                    _log(client, run_id, own)
    return parent


def _found_or_made(client: "MlflowClient", experiment: str, tags: Mapping[str, str]) -> str:
    """Return the run with these tags, made if there is none."""
    # A name may hold quotes, which a filter cannot; the hash is safe.
    one_study = f"tags.`evalsuite.study` = '{tags['evalsuite.study']}'"
    for run in client.search_runs([experiment], one_study, max_results=1000):
        if run.data.tags.get("evalsuite.reader", "") == tags["evalsuite.reader"]:
            return str(run.info.run_id)
    made = client.create_run(experiment, tags={**tags, "mlflow.user": user()})
    return str(made.info.run_id)


def _log(client: "MlflowClient", run_id: str, values: Mapping[str, float]) -> None:
    log_points(client, run_id, [(name, value, 0) for name, value in values.items()])
