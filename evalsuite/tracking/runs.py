"""A record as MLflow runs: those that are there are brought up to date, the others made."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.records import CohortRecord
from evalsuite.tracking.model import log_model
from evalsuite.tracking.record import TAG_LENGTH, RunRecord, Tag, flatten, key_of, shortened
from evalsuite.tracking.server import (
    address,
    answering,
    ending,
    experiment_id,
    page,
    user,
    without_password,
)
from evalsuite.tracking.views import show_columns

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARAMS_PER_BATCH = 100
METRICS_PER_BATCH = 1000
NOTE = "mlflow.note.content"
BELOW = {"mlflow.parentRunId", "evalsuite.part_of"}  # what runs below others have
DIGEST_LENGTH = 36  # the most that MLflow holds


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

    @property
    def told(self) -> str:
        """Which run it is and how to see it."""
        return f"MLflow run: {self.run_id} ({self.hint})"


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
        params, metrics = record.columns
        if metrics:
            show_columns(client, place, params, metrics)
    url, hint = page(uri, place, run_id)
    return TrackedRun(run_id, place, without_password(uri), url, hint, nested)


def _log(
    client: "MlflowClient", place: str, record: RunRecord, above: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return the run of a record and, by name, those directly below it."""
    from mlflow.entities import RunTag

    links = _linked(client, record.made_from, record.tags.get(NOTE, ""))
    wanted = {**record.tags, **links, **record.identity, "mlflow.runName": record.name, **above}
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
        for path, text in record.texts.items():
            client.log_text(run_id, text, path)
        if record.tables:
            _log_tables(client, run_id, record.tables)
        if record.model:
            log_model(client, place, run_id, record.model)
        for name, part in record.nested.items():
            link = "evalsuite.part_of" if part.listed else "mlflow.parentRunId"
            nested[name], _ = _log(client, place, part, {link: run_id})
    return run_id, nested


def _linked(client: "MlflowClient", made_from: Mapping[str, Tag], note: str) -> dict[str, str]:
    """Return the tags that lead to what a run was made from: a description, and the runs."""
    if not made_from:
        return {}
    places = [place.experiment_id for place in client.search_experiments()]
    lines, linked = ["Made from:"], []
    for what, (tag, value) in made_from.items():
        alike = client.search_runs(places, f"tags.`{tag}` = '{value}'", max_results=100)
        whole = [run for run in alike if not BELOW & run.data.tags.keys()]
        linked += [run.info.run_id for run in whole]
        links = [
            f"[{_plain(run.info.run_name)}]({address(run.info.experiment_id, run.info.run_id)})"
            for run in whole
        ]
        found = ", ".join(links) if links else f'`tags."{tag}" = "{value}"`'
        lines.append(f"- {_plain(what)}: {found}")
    first, _, rest = note.partition("\n\n")
    text = "\n\n".join(part for part in (first, "\n".join(lines), rest) if part)
    return {NOTE: text, "evalsuite.made_from": ", ".join(dict.fromkeys(linked))}


def _plain(name: str) -> str:
    """Return a name without what begins something in Markdown."""
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", name)


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
