"""A report as an MLflow run."""

import json
from pathlib import Path

from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.server import answering, experiment_id, run

RECORD = "report.json"  # title and record of a report, which become name and parameters of its run


def log_report(directory: Path, *, experiment: str, run_name: str | None = None) -> str:
    """Log a report that is on disk and return the identifier of its run.

    Args:
        directory: of the report; becomes the run's artifacts.
        experiment: its name; made if there is none.
        run_name: None for the title of the report.

    Raises:
        EvalsuiteError: if the folder holds no report.
        TrackingError: if MLflow cannot be reached or refuses.
    """
    try:
        about = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        title, record = str(about["title"]), dict(about["record"])
    except (OSError, ValueError, KeyError, TypeError):
        raise EvalsuiteError(
            f"{directory} holds no {RECORD}. Name a folder that `evalsuite report` wrote."
        ) from None
    with answering(directory) as (client, uri):
        place = experiment_id(client, experiment, uri)
        with run(client, place, {"mlflow.runName": run_name or title}, record) as run_id:
            client.log_artifacts(run_id, str(directory))
    return run_id
