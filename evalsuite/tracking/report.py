"""A report as an MLflow run."""

from collections.abc import Mapping
from pathlib import Path

from evalsuite.tracked import flatten
from evalsuite.tracking.server import answering, experiment_id, user


def log_report(title: str, directory: Path, *, experiment: str, record: Mapping[str, str]) -> str:
    """Log a report that is on disk and return the identifier of its run.

    Args:
        title: names the run.
        directory: of the report; becomes the run's artifacts.
        experiment: its name; made if there is none.
        record: what the report was made from; becomes the parameters.

    Raises:
        TrackingError: if MLflow cannot be reached or refuses.
    """
    with answering(directory) as (client, uri):
        from mlflow.entities import Param

        tags = {"mlflow.runName": title, "mlflow.user": user()}
        run_id = str(
            client.create_run(experiment_id(client, experiment, uri), tags=tags).info.run_id
        )
        client.log_batch(run_id, params=[Param(k, v) for k, v in flatten(dict(record)).items()])
        client.log_artifacts(run_id, str(directory))
        client.set_terminated(run_id, "FINISHED")
    return run_id
