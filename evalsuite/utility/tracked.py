"""What of a utility experiment is tracked; pure functions that do not import MLflow."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evalsuite.tracked import TAG_LENGTH, flatten
from evalsuite.utility.config import SCRATCH
from evalsuite.utility.results import RESULTS, TABLES, UtilityResults

Curve = list[tuple[int, float]]


def arm_curves(results: UtilityResults, arm: str) -> dict[str, Curve]:
    """Return the metrics of an arm: its learning curves and the course of its losses.

    `METRIC/STRUCTURE` and the ends of its interval have the number of labelled training subjects
    as step, `loss/SHARE percent/repeat N` the place among the means that are kept of a training.
    """
    curves: dict[str, Curve] = {}
    for row in _rows(results.summary[results.summary["arm"] == arm]):
        step = _subjects(results, row["share"])
        name = f"{row['quantity']}/{row['structure']}"
        for key, column in (("", "value"), ("/low", "low"), ("/high", "high")):
            if math.isfinite(row[column]):
                curves.setdefault(name + key, []).append((step, float(row[column])))
    for training in results.trainings:
        if training.get("arm") == arm:
            name = f"loss/{training['share']:g} percent/repeat {training['repeat']}"
            curves[name] = list(enumerate(training["losses"]))
    return curves


def metric_values(results: UtilityResults) -> dict[str, float]:
    """Return the metrics of the parent run: what each arm gains over training from scratch."""
    values: dict[str, float] = {"seconds": results.seconds}
    against = results.comparisons[results.comparisons["second"] == SCRATCH.name]
    for row in _rows(against):
        name = f"{row['first']}/{row['share']:g} percent/{row['quantity']}/{row['structure']}"
        for key, column in (
            ("", "value"),
            ("/low", "low"),
            ("/high", "high"),
            ("/p_holm", "p_holm"),
        ):
            if math.isfinite(row[column]):
                values[name + key] = float(row[column])
    return values


def tag_values(results: UtilityResults) -> dict[str, str]:
    """Return what the runs are found and described by."""
    environment = flatten(results.environment)
    lines = [f"- {warning}" for warning in results.warnings]
    note = "\n".join(["Dice and 95 % Hausdorff distance on held-out real volumes.", "", *lines])
    return {
        "evalsuite.config_hash": results.config_hash,
        "evalsuite.experiment": "utility segmentation",
        "mlflow.source.name": "evalsuite utility segmentation",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": note[:TAG_LENGTH],
        **{f"environment.{key}": value for key, value in environment.items()},
    }


def files(folder: Path) -> dict[str, Path]:
    """Return the files to keep beside the run; the weights are not among them."""
    paths = [folder / RESULTS, *(folder / f"{name}.csv" for name in TABLES)]
    paths += sorted((folder / "figures").glob("*.png"))
    return {file.relative_to(folder).as_posix(): file for file in paths}


def _subjects(results: UtilityResults, share: float) -> int:
    counts: Mapping[str, int] = results.splits["counts"]
    return counts.get(f"{share:g}", 0)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
