"""An evaluation as it is tracked: metrics, tags, a comparison and a summary."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evalsuite.caveats import Notes
from evalsuite.records import Estimate, Evaluation
from evalsuite.table import Grid, grids, legend
from evalsuite.tracking.record import TAG_LENGTH, RunRecord, described_by, key_of

WARNINGS_LENGTH = 2000  # of the summary, so that numbers have room


def run_record(evaluation: Evaluation, folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of an evaluation.

    One synthetic cohort makes one run; several make a parent run, which holds the files and a
    comparison table, and one nested run each. A metric is called `EXTRACTOR/NAME` (`volumes/NAME`
    where no extractor was used); beside it stand `/low`, `/high`, `/standard_error` and
    `/reference`. Values that are nan or infinite are left out: the tag `evalsuite.undefined`
    names them.

    Args:
        folder: what `evalsuite.results.write_results` wrote.
        run_name: None for one made of the names of the cohorts.
    """
    cohorts = evaluation.synthetic
    several = f"{len(cohorts)} cohorts" if len(cohorts) > 3 else ", ".join(c.name for c in cohorts)
    whole = _run(evaluation, run_name or f"{several} vs {evaluation.real.name}")
    whole = replace(whole, files={"": folder})
    if len(cohorts) == 1:
        return whole
    parts = {
        cohort.name: replace(
            evaluation,
            synthetic=(cohort,),
            estimates=tuple(e for e in evaluation.estimates if e.synthetic == cohort.name),
        )
        for cohort in cohorts
    }
    return replace(
        whole,
        points=(),
        tables={"comparison": comparison(evaluation)},
        nested={n: _run(part, f"{n} vs {part.real.name}") for n, part in parts.items()},
    )


def _run(evaluation: Evaluation, name: str) -> RunRecord:
    """Return the record of one run, as long as the evaluation was."""
    start = round(datetime.fromisoformat(evaluation.started).timestamp() * 1000)
    numbers, _ = metric_values(evaluation.estimates)
    return RunRecord(
        name=name,
        identity={
            "evalsuite.config_hash": evaluation.config_hash,
            "evalsuite.started": evaluation.started,
            "evalsuite.synthetic": ", ".join(c.name for c in evaluation.synthetic),
        },
        config=evaluation.config,
        points=[(name, value, 0) for name, value in numbers.items()],
        tags=tag_values(evaluation),
        cohorts=(evaluation.real, *evaluation.synthetic),
        start=start,
        end=start + round(evaluation.seconds * 1000),
    )


def metric_values(estimates: Sequence[Estimate]) -> tuple[dict[str, float], list[str]]:
    """Return the finite numbers of the estimates by metric name, and the names of the others."""
    numbers: dict[str, float] = {}
    for estimate in estimates:
        name = f"{estimate.extractor or 'volumes'}/{estimate.key}"
        name += f"/{estimate.group}" if estimate.group else ""
        beside = {"standard_error": estimate.standard_error, "reference": estimate.reference}
        if estimate.interval:
            beside |= {"low": estimate.interval.low, "high": estimate.interval.high}
        numbers[key_of(name)] = estimate.value
        numbers |= {key_of(f"{name}/{k}"): v for k, v in beside.items() if v is not None}
    finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
    return finite, [name for name in numbers if name not in finite]


def tag_values(evaluation: Evaluation) -> dict[str, str]:
    """Return what a run is described by, beside its identity."""
    _, undefined = metric_values(evaluation.estimates)
    extractors = dict.fromkeys(e.extractor for e in evaluation.estimates if e.extractor)
    tags = {
        "evalsuite.real": evaluation.real.name,
        "evalsuite.extractors": ", ".join(extractors),
        "evalsuite.protocol": evaluation.protocol or "none",
        "evalsuite.warnings": str(len(Notes.of(evaluation).sentences())),
        **described_by(evaluation.environment, "evalsuite compute-metrics", summary(evaluation)),
    }
    if version := tags.get("environment.packages.evalsuite"):
        tags["evalsuite.version"] = version
    if commit := tags.get("environment.evalsuite_commit"):
        tags["mlflow.source.git.commit"] = commit.removesuffix("-dirty")
    if undefined:
        tags["evalsuite.undefined"] = ", ".join(undefined)
    return tags


def comparison(evaluation: Evaluation) -> dict[str, list[Any]]:
    """Return the columns of a table with one row per number, features and group: values first.

    Each column of a cohort is its name and what it holds, such as `gan value`: no name of a cohort
    makes two columns the same.
    """
    cells = {(e.extractor, e.key, e.group, e.synthetic): e for e in evaluation.estimates}
    first = {(e.extractor, e.key, e.group): e for e in reversed(evaluation.estimates)}
    rows = list(dict.fromkeys((e.extractor, e.key, e.group) for e in evaluation.estimates))
    table: dict[str, list[Any]] = {
        "extractor": [extractor for extractor, _, _ in rows],
        "estimate": [name for _, name, _ in rows],
        "group": [group for _, _, group in rows],
        "direction": [first[row].direction for row in rows],
    }
    found = {c.name: [cells.get((*row, c.name)) for row in rows] for c in evaluation.synthetic}
    for name, column in found.items():
        table[f"{name} value"] = [e.value if e else None for e in column]
    for name, column in found.items():
        intervals = [e.interval if e else None for e in column]
        table[f"{name} low"] = [i.low if i else None for i in intervals]
        table[f"{name} high"] = [i.high if i else None for i in intervals]
        table[f"{name} reference"] = [e.reference if e else None for e in column]
        table[f"{name} n real"] = [e.n_real if e else None for e in column]
        table[f"{name} n synthetic"] = [e.n_synthetic if e else None for e in column]
    return table


def summary(evaluation: Evaluation) -> str:
    """Return what the page of a run says at its top, in Markdown, as much as MLflow takes."""
    real, *synthetic = [
        f"**{cohort.name}** ({len(cohort.volumes)} {cohort.role} volumes from `{cohort.source}`)"
        for cohort in (evaluation.real, *evaluation.synthetic)
    ]
    notes = Notes.of(evaluation)
    lines = [f"{', '.join(synthetic)} against {real}.", "", evaluation.standing, ""]
    if warnings := list(notes.sentences().values()):
        lines += ["**Warnings**", *_first(warnings, WARNINGS_LENGTH), ""]
    lines += [legend(evaluation), ""]
    for grid in grids(evaluation, notes):
        lines += [*_markdown(grid), ""]
    text = "\n".join(lines).rstrip()
    if len(text) <= TAG_LENGTH:
        return text
    return text[: text.rindex("\n", 0, TAG_LENGTH - 50)] + "\n\nThe rest is in estimates.csv."


def _first(warnings: Sequence[str], length: int) -> list[str]:
    """Return the warnings that fit, as a list, and how many are left."""
    lengths = itertools.accumulate(len(warning) for warning in warnings)
    fitting = max(1, sum(total <= length for total in lengths))
    left = len(warnings) - fitting
    more = [f"- {left} more in results.json."] if left else []
    return [*(f"- {warning}" for warning in warnings[:fitting]), *more]


def _markdown(grid: Grid) -> list[str]:
    """Return the lines of a table."""
    reference = [grid.reference] if grid.reference else []
    heads = ["features", "estimate", *(" ".join(head) for head in (*grid.heads, *reference))]
    rows = [
        [
            row.features,
            row.label,
            *map(" ".join, row.cells),
            *([row.reference] if reference else []),
        ]
        for row in grid.rows
    ]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
             for row in (heads, *rows)]  # fmt: skip
    lines.insert(1, "|---|---|" + "---:|" * (len(heads) - 2))
    return [f"**{grid.title}**", "", *lines] if grid.title else lines
