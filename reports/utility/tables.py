"""The tables of the chapter on usefulness, and how their rows are told."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evalsuite.utility.analysis import MEAN, ONE_REPEAT, ONE_SUBJECT, UNVARYING
from evalsuite.utility.config import ARMS
from evalsuite.utility.results import UtilityResults
from reports.document import Table
from reports.readers.shown import SPACE, UNDEFINED, fixed, probability

SCORES = {"dice": "Dice (1 is best)", "hd95": "95 % Hausdorff distance, mm (0 is best)"}
PLACES = {"dice": 3, "hd95": 2}


def utility_tables(results: UtilityResults) -> list[Table]:
    """Return the scores, the comparisons and, folded, single structures and trainings."""
    several = MEAN in set(results.summary["structure"])
    shown = of_all_structures(results.comparisons)
    single = results.comparisons[results.comparisons["structure"] != MEAN]
    tables = [
        _scores(results),
        _differences(
            results,
            "utility-comparisons",
            "Paired differences on the same held-out subjects and repeats"
            f"{', mean of all structures' if several else ''}, with 95 % intervals, which are of "
            "single comparisons; p is corrected for their number (Holm). Positive is better for "
            "Dice, negative for the distance.",
            shown,
        ),
    ]
    if several:
        tables.append(
            _differences(
                results,
                "utility-comparisons-by-structure",
                "The same for each structure.",
                single,
                folded=True,
            )
        )
    return [*tables, _trainings(results)]


def _scores(results: UtilityResults) -> Table:
    rows: dict[tuple[str, str, float], dict[str, object]] = {}
    for row in rows_of(results.summary):
        # Scores first by metric, as the reader compares arms within one.
        key = (row["quantity"], row["arm"], row["share"])
        cells = rows.setdefault(
            key,
            {
                "score": SCORES[row["quantity"]],
                "arm": ARMS[row["arm"]].label,
                "labelled subjects": _at(results, row["share"]),
            },
        )
        cells[_structure(row["structure"])] = _value(row)
    metrics = list(SCORES)
    ordered = [rows[key] for key in sorted(rows, key=lambda key: metrics.index(key[0]))]
    return Table(
        "utility-scores",
        "Dice and 95 % Hausdorff distance of every arm on held-out real volumes, means over "
        "repeats and subjects with 95 % intervals for other repeats and other subjects.",
        pd.DataFrame(ordered),
        _notes(results.summary),
        group="score",
        data=results.summary,
    )


def _differences(
    results: UtilityResults,
    name: str,
    caption: str,
    rows: pd.DataFrame,
    *,
    folded: bool = False,
) -> Table:
    several = len(set(rows["structure"])) > 1
    frame = pd.DataFrame(
        {
            "score": SCORES[row["quantity"]],
            "arm": ARMS[row["first"]].label,
            "less": ARMS[row["second"]].label,
            "labelled subjects": _at(results, row["share"]),
            **({"structure": row["structure"]} if several else {}),
            "difference": signed(row),
            "p": probability(row["p"]),
            "p, corrected": probability(row["p_holm"]),
        }
        for metric in SCORES
        for row in rows_of(rows[rows["quantity"] == metric])
    )
    return Table(name, caption, frame, _notes(rows), folded=folded, group="score", data=rows)


def _trainings(results: UtilityResults) -> Table:
    frame = pd.DataFrame(
        {
            "training": training["name"],
            "volumes": _volumes(training["volumes"]),
            "loss at first": float(training["losses"][0]),
            "at last": float(training["losses"][-1]),
            "seconds": float(training["seconds"]),
        }
        for training in results.trainings
    )
    return Table(
        "utility-trainings",
        "Every pre-training (reconstruction) and training: arm, share and repeat (r1 is the "
        "first), volumes trained on, and the mean loss of its first and last part.",
        frame,
        folded=True,
    )


def _notes(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return what is to be known of the intervals, each sentence once."""
    subjects = rows.loc[rows["low"].isna(), "n_subjects"]
    known = {
        ONE_REPEAT: rows["n_repeats"] == 1, ONE_SUBJECT: subjects < 2, UNVARYING: subjects > 1
    }  # fmt: skip
    return tuple(str(caveat) for caveat, holds in known.items() if holds.any())


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def of_all_structures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all structures together, or of the only one."""
    names = set(rows["structure"])
    return rows[rows["structure"] == MEAN] if MEAN in names else rows


def signed(row: Mapping[str, Any]) -> str:
    """Return the difference of a comparison with its interval, and a plus sign above 0."""
    number = _told(row["value"], row)
    return f"+{number}" if row["value"] > 0 else number


def _value(row: Mapping[str, Any]) -> str:
    number = _told(row["value"], row)
    return f"{number}, {row['n_undefined']} undefined" if row["n_undefined"] else number


def _told(value: float, row: Mapping[str, Any]) -> str:
    if math.isnan(value):
        return UNDEFINED
    places = PLACES[row["quantity"]]
    if math.isnan(row["low"]):
        return f"{fixed(value, places)} (no interval)"
    ends = f"({fixed(row['low'], places)} to {fixed(row['high'], places)})"
    # A line is broken before the interval rather than in it.
    return f"{fixed(value, places)} {ends.replace(' ', SPACE)}"


def _structure(name: str) -> str:
    return "mean" if name == MEAN else f"structure {name}"


def subjects_of(results: UtilityResults, share: float) -> int:
    """Return how many labelled subjects a share is."""
    return int(results.splits["counts"][f"{share:g}"])


def _at(results: UtilityResults, share: float) -> str:
    return f"{subjects_of(results, share)} ({share:g} %)" if share else "none"


def _volumes(trained: int | Mapping[str, int]) -> str:
    if isinstance(trained, int):
        return str(trained)
    return ", ".join(f"{n} {material}" for material, n in trained.items())
