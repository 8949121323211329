"""An evaluation on disk: written before any tracking server is asked, read back unchanged."""

import copy
import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from evalsuite import caveats
from evalsuite.errors import EvalsuiteError
from evalsuite.output import finite, refuse_newer
from evalsuite.places import Where, parsed, written
from evalsuite.records import Difference, Estimate, Evaluation, Evidence, Scope, VolumeScore
from evalsuite.writable import new_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "results.json"
SCHEMA = 2  # of that file; the first had no number
SCORES = "volume_scores"
COLUMNS = [
    "synthetic",
    "extractor",
    "name",
    "group",
    "value",
    "low",
    "high",
    "level",
    "standard_error",
    "reference",
    "direction",
    "n_real",
    "n_synthetic",
    "subjects_real",
    "subjects_synthetic",
    "protocol",
    "method",
    "interval_method",
    "warnings",
]


DIFFERENCES = [
    "first",
    "second",
    "extractor",
    "name",
    "value",
    "low",
    "high",
    "level",
    "p",
    "p_holm",
    "better",
    "direction",
    "subjects",
    "method",
    "warnings",
]


def difference_rows(evaluation: Evaluation) -> list[dict[str, object]]:
    """Return the differences as flat rows with the columns `DIFFERENCES`."""
    rows = []
    for one in evaluation.differences:
        interval = one.interval
        ends = {end: getattr(interval, end, None) for end in ("low", "high", "level")}
        told = {"name": one.key, "warnings": " ".join(map(str, one.warnings))}
        row = asdict(one) | ends | told
        rows.append({column: row[column] for column in DIFFERENCES})
    return rows


def score_rows(scores: Iterable[VolumeScore]) -> list[dict[str, object]]:
    """Return scores of volumes as flat rows, their places in words."""
    return [asdict(score) | {"where": written(score.where)} for score in scores]


def score_of(row: Mapping[str, Any]) -> VolumeScore:
    """Return the score that a row of `score_rows` is of; those of old results are of no pairs."""
    return VolumeScore(**{**row, "where": parsed(row.get("where", ""))})


def estimate_rows(evaluation: Evaluation) -> list[dict[str, object]]:
    """Return the estimates as flat rows with the columns `COLUMNS`, warnings joined by a space."""
    rows = []
    for estimate in evaluation.estimates:
        row = asdict(estimate) | {
            "name": estimate.key,
            "warnings": " ".join(map(str, estimate.warnings)),
        }
        row["protocol"] = evaluation.protocol
        interval = estimate.interval
        row["low"] = interval.low if interval else None
        row["high"] = interval.high if interval else None
        row["level"] = interval.level if interval else None
        row["interval_method"] = interval.method if interval else None
        rows.append({column: row[column] for column in COLUMNS})
    return rows


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as JSON values; nan and infinity, which JSON lacks, become null.

    `key` is name and place of a number in one, as tables and MLflow have it. Beside the sentences
    of `warnings` stand, in the same order, their `caveats`: code, template, scope, values.
    """
    record: dict[str, Any] = {"schema": SCHEMA, **finite(asdict(evaluation))}
    numbers: list[Estimate | Difference] = [*evaluation.estimates, *evaluation.differences]
    told = [carrier.warnings for carrier in (*evaluation.cohorts, *numbers)]
    for values, warnings in zip(_carriers(record), told, strict=True):
        values |= {"warnings": list(map(str, warnings)), "caveats": caveats.to_json(warnings)}
    for values, number in zip(_numbers(record), numbers, strict=True):
        values["key"] = number.key
    return record


def from_json(record: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation that `to_json` was given (a null value becomes nan).

    Raises:
        ValueError: if it is none, or of a newer schema.
    """
    from pydantic import TypeAdapter

    refuse_newer(record, SCHEMA)
    known = copy.deepcopy(dict(record))
    if "schema" not in known:
        _bring_up(known)
    for values in _numbers(known):
        for column in {"value", "p", "p_holm"} & values.keys():
            values[column] = _number(values[column])
        if interval := values["interval"]:
            interval |= {"low": _number(interval["low"]), "high": _number(interval["high"])}
    for values in _carriers(known):
        scope: Scope = "cohort" if "role" in values else "estimate"
        told = values.get("caveats", values["warnings"])  # the first schema had no caveats
        values["warnings"] = caveats.from_json(told, scope)
    return TypeAdapter(Evaluation).validate_python(known)


def write_results(
    evaluation: Evaluation,
    evidence: Evidence,
    figures: Mapping[str, "Figure"],
    rerun: Mapping[str, object],
    folder: Path,
) -> None:
    """Write everything about an evaluation into a new folder, all of it or nothing.

    Args:
        figures: by name; drawn as PNG under `figures/`.
        rerun: the configuration as the user declared it, for `--config`.
        folder: must not hold anything yet.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    mend = "Name another folder with --output DIR; the features are cached."
    with new_folder(folder, "the results", mend) as draft:
        record = json.dumps(to_json(evaluation), indent=1, allow_nan=False)
        (draft / RESULTS).write_text(record + "\n", encoding="utf-8")
        (draft / "config.yaml").write_text(yaml.safe_dump(dict(rerun), sort_keys=False))
        with (draft / "estimates.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(estimate_rows(evaluation))
        if evaluation.differences:
            with (draft / "differences.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, DIFFERENCES)
                writer.writeheader()
                writer.writerows(difference_rows(evaluation))
        for kind, content in (("figures", figures), ("features", evidence.features)):
            if content:
                (draft / kind).mkdir()
        for name, figure in figures.items():
            figure.savefig(draft / "figures" / f"{name}.png", dpi=150)
        if evidence.scores:
            import pandas as pd

            table = pd.DataFrame(score_rows(evidence.scores))
            table.to_csv(draft / f"{SCORES}.csv", index=False)
            table.to_parquet(draft / f"{SCORES}.parquet", index=False)
        for features in evidence.features:
            np.savez(  # numbers of networks hardly compress
                draft / "features" / features_name(features.cohort, features.extractor),
                values=features.values,
                volumes=np.array(features.volumes),
            )


def read_results(folder: Path) -> Evaluation:
    """Return the evaluation of a folder that `write_results` made.

    Raises:
        EvalsuiteError: if the folder holds no results or they are damaged.
    """
    path = folder / RESULTS
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EvalsuiteError(
            f"{folder} holds no {RESULTS}. Name a folder that `evalsuite compute-metrics` wrote."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EvalsuiteError(
            f"{path}: not the results of an evaluation, or of a newer version of evalsuite."
        ) from None


def read_scores(folder: Path) -> tuple[VolumeScore, ...]:
    """Return the scores of volumes in a folder that `write_results` made, none if it has none."""
    path = folder / f"{SCORES}.csv"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    numbers = [float(row["value"]) if row["value"] else math.nan for row in rows]
    return tuple(
        score_of({**row, "value": value}) for row, value in zip(rows, numbers, strict=True)
    )


def features_name(cohort: str, extractor: str) -> str:
    """Return the name of the file with the features of a cohort."""
    return f"{cohort}--{extractor}.npz".replace("/", "_")


def _carriers(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a record that carry caveats."""
    return [record["real"], *record["synthetic"], *_numbers(record)]


def _numbers(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*record["estimates"], *record.get("differences", ())]


def _bring_up(record: dict[str, Any]) -> None:
    """Turn a record of the first schema, of which there are several forms, into the present one."""
    for values in record["estimates"]:
        # Before there was a choice of tests, every p-value was of a permutation test.
        permuted = values["name"].endswith("_p_value")
        values.setdefault("test", "permutation" if permuted else "")
        if "where" not in values:
            values["name"], values["where"] = _placed_of_old(values["name"])


def _placed_of_old(name: str) -> tuple[str, Where]:
    """Return name and place of an estimate from results in which the name held both."""
    if found := re.fullmatch(r"(slice_\w+)_(sagittal|coronal|axial)", name):
        return found[1], (("plane", found[2]),)
    if found := re.fullmatch(r"anatomy_(\d+)(?:_(\d+))?_([a-z]+)", name):
        first, second, measure = found.groups()
        other = (("other", second),) if second else ()
        return f"anatomy_{measure}", (("structure", first), *other)
    return name, ()


def _number(value: float | None) -> float:
    return math.nan if value is None else value
