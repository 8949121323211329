"""An evaluation as it is tracked: metrics, tags, a comparison and a summary."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evalsuite.caveats import Notes, enumerated
from evalsuite.ranking import nearest, preferred, quantities
from evalsuite.records import Estimate, Evaluation
from evalsuite.results import DIFFERENCES, difference_rows
from evalsuite.table import Grid, grids, legend, number
from evalsuite.tracking.record import (
    DIGEST,
    LINKS_LENGTH,
    SAMPLES,
    TAG_LENGTH,
    RunRecord,
    by_samples,
    described_by,
    digest_of,
    environment_file,
    key_of,
)

WARNINGS_LENGTH = 2000  # of the summary, so that numbers have room


def run_record(evaluation: Evaluation, folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of an evaluation.

    One synthetic cohort makes one run; several make a parent run, which holds the files, a table
    with a row per cohort, the nearest first, and one of all numbers, and one run each, with the
    figures, which stands in the list of runs as well. A few numbers stand for a cohort (see
    `headline`) and are called `EXTRACTOR/NAME` (`volumes/NAME` where no extractor was used), in the
    parent run with the name of the cohort before it; all others have `more/` before it. Intervals are in the tables. Values that are nan or infinite are
    left out: the tag `evalsuite.undefined` names them.

    Args:
        folder: what `evalsuite.results.write_results` wrote.
        run_name: None for one made of the names of the cohorts, what they are compared by, and
            the seed.
    """
    cohorts = evaluation.synthetic
    several = f"{len(cohorts)} cohorts" if len(cohorts) > 3 else ", ".join(c.name for c in cohorts)
    digest = digest_of(folder)
    whole = _run(evaluation, several, digest, run_name)
    whole = replace(whole, files={"": folder})
    if len(cohorts) == 1:
        return replace(whole, columns=_columns(evaluation, whole))
    figures = folder / "figures"
    nested = {}
    for cohort in cohorts:
        own = tuple(e for e in evaluation.estimates if e.synthetic == cohort.name)
        part = replace(evaluation, synthetic=(cohort,), estimates=own)
        nested[cohort.name] = replace(
            _run(part, cohort.name, digest),
            files={"figures": figures} if figures.is_dir() else {},
            tables={"estimates": comparison(part)},
            listed=True,
        )
    tables = {"ranking": ranking(evaluation), "comparison": comparison(evaluation)}
    if rows := difference_rows(evaluation):
        tables["differences"] = {column: [row[column] for row in rows] for column in DIFFERENCES}
    points = [
        (key_of(f"{name}/{key}"), value, step)
        for name, part in nested.items()
        for key, value, step in part.points
        if not key.startswith("more/")
    ]
    columns = _columns(evaluation, next(iter(nested.values())))
    return replace(whole, points=points, tables=tables, nested=nested, columns=columns)


def _columns(evaluation: Evaluation, run: RunRecord) -> tuple[list[str], list[str]]:
    """Return what tells the runs of cohorts apart, the distance that ranks them first."""
    params = [f"compared.{name}" for name, value in compared(evaluation).items() if value]
    ranked = {key_of(f"{e.extractor or 'volumes'}/{e.key}") for e in _distances(evaluation)}
    metrics = [name for name, _, _ in run.points if not name.startswith("more/")]
    return params, sorted(metrics, key=lambda name: name not in ranked)


def _run(evaluation: Evaluation, names: str, digest: str, run_name: str | None = None) -> RunRecord:
    """Return the record of one run, as long as the evaluation was."""
    start = round(datetime.fromisoformat(evaluation.started).timestamp() * 1000)
    numbers, _ = metric_values(evaluation.estimates)
    about = compared(evaluation)
    how = f"{about['protocol'] or about['extractor'] or 'volumes'}, seed {about['seed']}"
    tags = tag_values(evaluation)
    return RunRecord(
        name=run_name or f"{names} vs {evaluation.real.name}, {how}",
        identity={
            "evalsuite.config_hash": evaluation.config_hash,
            "evalsuite.started": evaluation.started,
            "evalsuite.synthetic": ", ".join(c.name for c in evaluation.synthetic),
        },
        config={**evaluation.config, "compared": {k: v for k, v in about.items() if v}},
        points=[(name, value, 0) for name, value in numbers.items()],
        tags=tags | {DIGEST: digest} if digest else tags,
        texts=environment_file(evaluation.environment),
        cohorts=(evaluation.real, *evaluation.synthetic),
        made_from=by_samples(evaluation.synthetic),
        start=start,
        end=start + round(evaluation.seconds * 1000),
    )


def compared(evaluation: Evaluation) -> dict[str, str]:
    """Return what tells the runs of a list apart, by parameter."""
    synthetic = evaluation.synthetic
    extractors = dict.fromkeys(e.extractor for e in evaluation.estimates if e.extractor)
    return {
        "generator": ", ".join(cohort.name for cohort in synthetic),
        "n": ", ".join(str(len(cohort.volumes)) for cohort in synthetic),
        "n_real": str(len(evaluation.real.volumes)),
        "extractor": ", ".join(extractors),
        "protocol": evaluation.protocol,
        "seed": str(evaluation.config.get("seed", "")),
    }


def headline(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return the few numbers that stand for all: those declared so, of the first extractor.

    Those of voxels stand beside them; where none is declared, the first five stand for all.
    """
    whole = [e for e in estimates if not e.group and not e.where]
    first = next((e.extractor for e in whole if e.extractor), "")
    known = quantities()
    few = [
        e
        for e in whole
        if e.extractor in ("", first) and e.name in known and known[e.name].headline
    ]
    return few or list(estimates[:5])


def metric_values(estimates: Sequence[Estimate]) -> tuple[dict[str, float], list[str]]:
    """Return the finite values of the estimates by metric name, and the names of the others."""
    few = {(e.extractor, e.label) for e in headline(estimates)}
    numbers: dict[str, float] = {}
    for estimate in estimates:
        name = f"{estimate.extractor or 'volumes'}/{estimate.key}"
        name += f"/{estimate.group}" if estimate.group else ""
        more = "" if (estimate.extractor, estimate.label) in few else "more/"
        numbers[key_of(more + key_of(name))] = estimate.value
    finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
    return finite, [name for name in numbers if name not in finite]


def tag_values(evaluation: Evaluation) -> dict[str, str]:
    """Return what a run is described by, beside its identity."""
    _, undefined = metric_values(evaluation.estimates)
    tags = {
        "evalsuite.real": evaluation.real.name,
        "evalsuite.extractors": compared(evaluation)["extractor"],
        "evalsuite.protocol": evaluation.protocol or "none",
        "evalsuite.warnings": str(len(Notes.of(evaluation).sentences())),
        **described_by(evaluation.environment, "evalsuite compute-metrics", summary(evaluation)),
    }
    if len(evaluation.synthetic) == 1:
        tags[SAMPLES] = evaluation.synthetic[0].fingerprint
    if undefined:
        tags["evalsuite.undefined"] = ", ".join(undefined)
    return tags


def verdict(evaluation: Evaluation) -> str:
    """Return which cohort is nearest to the real one, by the rule of the report; or how near one is.

    Empty where no distance of whole cohorts is defined.
    """
    by_features: dict[str, list[Estimate]] = {}
    for estimate in _distances(evaluation):
        by_features.setdefault(estimate.extractor, []).append(estimate)
    told = []
    for extractor, ranked in by_features.items():
        values = enumerated([f"{e.synthetic} {_with_interval(e)}" for e in ranked])
        said = f"{nearest(ranked)} " if len(ranked) > 1 else ""
        text = f"{said}by {ranked[0].name} on {extractor or 'voxels'}: {values}."
        told.append(
            text[0].upper() + text[1:] if not said.startswith(ranked[0].synthetic) else text
        )
    return " ".join(told)


def _distances(evaluation: Evaluation) -> list[Estimate]:
    """Return the distances that rank the cohorts, the smallest first."""
    whole = [e for e in evaluation.estimates if not e.group and math.isfinite(e.value)]
    return sorted(preferred("distance", whole), key=lambda e: e.value)


def _with_interval(estimate: Estimate) -> str:
    ends = estimate.interval
    told = f" ({number(ends.low, 3)} to {number(ends.high, 3)})" if ends else ""
    return number(estimate.value) + told


def ranking(evaluation: Evaluation) -> dict[str, list[Any]]:
    """Return the columns of a table with one row per cohort, the nearest first.

    Each of the few numbers that stand for a cohort has a column for its value and two for the ends
    of its interval.
    """
    few = headline(evaluation.estimates)
    first = next((e.extractor for e in few if e.extractor), "")
    order = [e.synthetic for e in _distances(evaluation) if e.extractor == first]
    names = list(dict.fromkeys([*order, *(c.name for c in evaluation.synthetic)]))
    counts = {c.name: len(c.volumes) for c in evaluation.synthetic}
    table: dict[str, list[Any]] = {"generator": names, "n": [counts[name] for name in names]}
    for extractor, label in dict.fromkeys((e.extractor, e.label) for e in few):
        own = {e.synthetic: e for e in few if (e.extractor, e.label) == (extractor, label)}
        column = [own.get(name) for name in names]
        what = f"{extractor or 'volumes'}/{label}"
        table[what] = [e.value if e else None for e in column]
        table[f"{what} low"] = [e.interval.low if e and e.interval else None for e in column]
        table[f"{what} high"] = [e.interval.high if e and e.interval else None for e in column]
    return table


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
    said = verdict(evaluation)
    lines = [f"**{said}**", ""] if said else []
    lines += [f"{', '.join(synthetic)} against {real}.", "", evaluation.standing, ""]
    if warnings := list(notes.sentences().values()):
        lines += ["**Warnings**", *_first(warnings, WARNINGS_LENGTH), ""]
    lines += [legend(evaluation), ""]
    for grid in grids(evaluation, notes):
        lines += [*_markdown(grid), ""]
    text = "\n".join(lines).rstrip()
    linked = any(cohort.weights_sha256 for cohort in evaluation.synthetic)
    length = TAG_LENGTH - (LINKS_LENGTH if linked else 0)
    if len(text) <= length:
        return text
    return text[: text.rindex("\n", 0, length - 50)] + "\n\nThe rest is in estimates.csv."


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
