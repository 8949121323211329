"""What of a utility experiment is tracked; pure functions that do not import MLflow."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from evalsuite.tracking.record import (
    DIGEST,
    RunRecord,
    Status,
    by_weights,
    described_by,
    digest_of,
    environment_file,
)
from evalsuite.utility.config import ARMS, SCRATCH
from evalsuite.utility.results import RESULTS, TABLES, UtilityResults

Curve = list[tuple[int, float]]


def run_record(
    results: UtilityResults,
    folder: Path,
    run_name: str | None = None,
    status: Status = "FINISHED",
) -> RunRecord:
    """Return what is tracked of an experiment: a run with one below it for each arm.

    Args:
        results: perhaps those of some trainings only; an arm with all of its own is finished.
        folder: where it lies.
        run_name: of the parent run, None for the name of the folder; an arm has its own behind it.
        status: how the experiment stands.
    """
    name = run_name or folder.resolve().name
    identity = {
        "evalsuite.config_hash": results.config_hash,
        "evalsuite.started": results.started,
        "evalsuite.arm": "",
    }
    whole = RunRecord(
        name,
        identity,
        config=results.config,
        tags=tag_values(results),
        status=status,
        texts=environment_file(results.environment),
    )
    done = _whole(results)
    arms = {
        arm: replace(
            whole,
            status="FINISHED" if len(done[arm]) == len(_shares(results, arm)) else status,
            name=f"{name}: {arm}",
            identity={**identity, "evalsuite.arm": arm},
            points=[(n, v, step) for n, c in arm_curves(results, arm).items() for step, v in c],
        )
        for arm in results.config["arms"]
        if arm in done
    }
    if status != "FINISHED":
        return replace(whole, nested=arms)
    digest = digest_of(folder)
    made_from = {name: str(c.get("weights_sha256", "")) for name, c in results.cohorts.items()}
    values = [(name, value, 0) for name, value in metric_values(results).items()]
    return replace(
        whole,
        points=values,
        tags={**whole.tags, **({DIGEST: digest} if digest else {})},
        files=files(folder),
        made_from=by_weights(made_from),
        nested=arms,
    )


def _whole(results: UtilityResults) -> dict[str, set[float]]:
    """Return, by arm that has begun, the shares of which all repeats are done."""
    repeats: dict[tuple[str, float], set[int]] = {}
    for arm, share, repeat in results.cases[["arm", "share", "repeat"]].itertuples(index=False):
        repeats.setdefault((arm, share), set()).add(repeat)
    done: dict[str, set[float]] = {}
    for (arm, share), those in repeats.items():
        whole = len(those) == results.config["repeats"]
        done.setdefault(arm, set()).update([share] if whole else [])
    return done


def _shares(results: UtilityResults, arm: str) -> list[float]:
    return list(results.config["shares"]) if "real" in ARMS[arm].trained_on else [0.0]


def arm_curves(results: UtilityResults, arm: str) -> dict[str, Curve]:
    """Return the metrics of an arm: its learning curves and the course of its losses.

    `METRIC/STRUCTURE` and the ends of its interval, which have `more/` before them, have the number
    of labelled training subjects as step, `loss/SHARE percent/repeat N` the place among the means
    that are kept of a training.
    """
    curves: dict[str, Curve] = {}
    done = _whole(results)[arm]
    for row in _rows(results.summary[results.summary["arm"] == arm]):
        if row["share"] not in done:  # its mean is to change yet
            continue
        step = _subjects(results, row["share"])
        name = f"{row['quantity']}/{row['structure']}"
        for key, column in ((name, "value"), *_ends(name)):
            if math.isfinite(row[column]):
                curves.setdefault(key, []).append((step, float(row[column])))
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
        for key, column in ((name, "value"), (f"{name}/p_holm", "p_holm"), *_ends(name)):
            if math.isfinite(row[column]):
                values[key] = float(row[column])
    return values


def tag_values(results: UtilityResults) -> dict[str, str]:
    """Return what the runs are described by."""
    lines = [f"- {warning}" for warning in results.warnings]
    note = "\n".join(["Dice and 95 % Hausdorff distance on held-out real volumes.", "", *lines])
    return {
        "evalsuite.experiment": "utility segmentation",
        **described_by(results.environment, "evalsuite utility segmentation", note),
    }


def files(folder: Path) -> dict[str, Path]:
    """Return the files to keep beside the run; the weights are not among them."""
    paths = [folder / RESULTS, *(folder / f"{name}.csv" for name in TABLES)]
    paths += sorted((folder / "figures").glob("*.png"))
    return {file.relative_to(folder).as_posix(): file for file in paths}


def _ends(name: str) -> tuple[tuple[str, str], ...]:
    """Return metric and column of both ends of an interval, apart from the values."""
    return (f"more/{name}/low", "low"), (f"more/{name}/high", "high")


def _subjects(results: UtilityResults, share: float) -> int:
    counts: Mapping[str, int] = results.splits["counts"]
    return counts.get(f"{share:g}", 0)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
