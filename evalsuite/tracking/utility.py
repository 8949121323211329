"""A utility experiment as an MLflow run, with one nested run for each arm."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalsuite.tracking.server import answering, experiment_id, log_points, page, run

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
        with run(client, place, {**tags, "mlflow.runName": run_name}, config) as parent:
            log_points(client, parent, [(name, value, 0) for name, value in values.items()])
            for path, file in files.items():
                client.log_artifact(parent, str(file), path.rpartition("/")[0] or None)
            for arm, curves in arms.items():
                own = {
                    **tags,
                    "mlflow.runName": f"{run_name}: {arm}",
                    "mlflow.parentRunId": parent,
                    "evalsuite.arm": arm,
                }
                with run(client, place, own, config) as nested:
                    points = [(name, v, step) for name, p in curves.items() for step, v in p]
                    log_points(client, nested, points)
    return page(uri, place, parent)[1]
