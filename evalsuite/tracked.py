"""What of an evaluation is tracked: parameters, metrics, tags, a comparison and a summary.

Pure functions that know the limits of MLflow, but do not import it.
"""

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.caveats import Notes
from evalsuite.records import Estimate, Evaluation
from evalsuite.table import Grid, caveats, grids, legend

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 5000
WARNINGS_LENGTH = 2000  # of the summary, so that numbers have room


def flatten(config: Mapping[str, object]) -> dict[str, str]:
    """Return the leaves of a nested configuration by dotted key, within MLflow's limits.

    A list of tables contributes each table under its `name` or else its place; any other list is
    one JSON value, and null is left out. Values over 6,000 characters are cut and say so.
    """
    leaves: dict[str, str] = {}

    def visit(key: str, value: object) -> None:
        if isinstance(value, Mapping) and value:
            for name, item in value.items():
                visit(f"{key}.{name}" if key else str(name), item)
        elif isinstance(value, list | tuple) and value and all(isinstance(v, dict) for v in value):
            for place, item in enumerate(value):
                visit(f"{key}.{item.get('name', place)}", item)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            leaves[_key(key)] = _shortened(text, PARAM_LENGTH)

    visit("", config)
    return leaves


def metric_values(estimates: Sequence[Estimate]) -> tuple[dict[str, float], list[str]]:
    """Return the finite numbers of the estimates by metric name, and the names of the others."""
    numbers: dict[str, float] = {}
    for estimate in estimates:
        name = f"{estimate.extractor or 'volumes'}/{estimate.key}"
        name += f"/{estimate.group}" if estimate.group else ""
        beside = {"standard_error": estimate.standard_error, "reference": estimate.reference}
        if estimate.interval:
            beside |= {"low": estimate.interval.low, "high": estimate.interval.high}
        numbers[_key(name)] = estimate.value
        numbers |= {_key(f"{name}/{k}"): v for k, v in beside.items() if v is not None}
    finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
    return finite, [name for name in numbers if name not in finite]


def tag_values(evaluation: Evaluation) -> dict[str, str]:
    """Return what a run is found and described by, within MLflow's limits."""
    _, undefined = metric_values(evaluation.estimates)
    extractors = dict.fromkeys(e.extractor for e in evaluation.estimates if e.extractor)
    environment = flatten(evaluation.environment)
    tags = {
        "evalsuite.config_hash": evaluation.config_hash,
        "evalsuite.real": evaluation.real.name,
        "evalsuite.synthetic": ", ".join(c.name for c in evaluation.synthetic),
        "evalsuite.extractors": ", ".join(extractors),
        "evalsuite.protocol": evaluation.protocol or "none",
        "evalsuite.warnings": str(len(caveats(evaluation, Notes.of(evaluation.estimates)))),
        **{f"environment.{key}": value for key, value in environment.items()},
        "mlflow.note.content": summary(evaluation),
        "mlflow.source.name": "evalsuite compute-metrics",
        "mlflow.source.type": "LOCAL",
    }
    if "packages.evalsuite" in environment:
        tags["evalsuite.version"] = environment["packages.evalsuite"]
    if "evalsuite_commit" in environment:
        tags["mlflow.source.git.commit"] = environment["evalsuite_commit"].removesuffix("-dirty")
    if undefined:
        tags["evalsuite.undefined"] = ", ".join(undefined)
    return {_key(name): _shortened(value, TAG_LENGTH) for name, value in tags.items()}


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
    notes = Notes.of(evaluation.estimates)
    lines = [f"{', '.join(synthetic)} against {real}.", "", evaluation.standing, ""]
    if warnings := caveats(evaluation, notes):
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


def _key(name: str) -> str:
    """Return the name with what MLflow refuses in keys replaced."""
    plain = re.sub(r"[^\w\-. :/]", "_", name[-KEY_LENGTH:], flags=re.ASCII)
    return "/".join(part for part in plain.split("/") if part not in ("", ".", ".."))


def _shortened(text: str, length: int) -> str:
    note = " ... (in full in results.json)"
    return text if len(text) <= length else text[: length - len(note)] + note
