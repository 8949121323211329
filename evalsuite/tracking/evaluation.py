"""An evaluation as MLflow runs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.records import Evaluation
from evalsuite.tracked import comparison, metric_values, tag_values
from evalsuite.tracking.server import (
    answering,
    experiment_id,
    log_points,
    page,
    run,
    without_password,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_LENGTH = 36


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
    with answering(directory) as (client, uri):
        found = experiment_id(client, experiment, uri)
        run_id, nested = _log_runs(client, found, evaluation, directory, run_name)
    url, hint = page(uri, found, run_id)
    return TrackedRun(run_id, found, without_password(uri), url, hint, nested)


def _log_runs(
    client: "MlflowClient",
    experiment: str,
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
    with _run(client, experiment, evaluation, tags) as run_id:
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
            with _run(client, experiment, part, tags) as nested_id:
                _log_metrics(client, nested_id, part)
            nested[cohort.name] = nested_id
    return run_id, nested


@contextmanager
def _run(
    client: "MlflowClient", experiment: str, evaluation: Evaluation, tags: Mapping[str, str]
) -> Iterator[str]:
    """Make a run with parameters, tags and datasets, as long as the evaluation."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    start = _start(evaluation)
    end = start + round(evaluation.seconds * 1000)
    all_tags = {**tags, **tag_values(evaluation)}
    with run(client, experiment, all_tags, evaluation.config, start=start, end=end) as run_id:
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


def _log_metrics(client: "MlflowClient", run_id: str, evaluation: Evaluation) -> None:
    numbers, _ = metric_values(evaluation.estimates)
    points = [(name, value, 0) for name, value in numbers.items()]
    log_points(client, run_id, points, at=_start(evaluation))


def _start(evaluation: Evaluation) -> int:
    """Return when the evaluation started, in milliseconds since 1970."""
    return round(datetime.fromisoformat(evaluation.started).timestamp() * 1000)
