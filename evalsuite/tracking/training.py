"""A training as an MLflow run that grows."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalsuite.tracked import flatten
from evalsuite.tracking.server import PARAMS_PER_BATCH, answering, experiment_id, user


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
    with answering(directory) as (client, uri):
        from mlflow.entities import Metric, Param

        now = round(time.time() * 1000)
        if run_id is None:
            tags = {"mlflow.runName": run_name, "mlflow.user": user()}
            found = experiment_id(client, experiment, uri)
            run_id = str(client.create_run(found, now, tags).info.run_id)
            entries = [Param(key, value) for key, value in flatten(dict(params)).items()]
            for i in range(0, len(entries), PARAMS_PER_BATCH):
                client.log_batch(run_id, params=entries[i : i + PARAMS_PER_BATCH])
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        client.log_batch(run_id, metrics=metrics)
        for file in files:
            client.log_artifact(run_id, str(file), f"step-{step:07d}")
        if finished:
            client.set_terminated(run_id, "FINISHED")
    return run_id
