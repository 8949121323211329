"""The few sentences on a study that who reads nothing else has to read."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.roc.choice import choice_merits, choices
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from reports.readers.claims import SINGLE, chance
from reports.readers.shown import counted, heading, interval, listed, rows_of
from reports.sources import StudyData

TURING = (
    "Area under the ROC curve with which readers told real from synthetic cases (0.5: they guess, "
    "1: always right)"
)
CHOSEN = "Share of pairs in which readers found the real case (0.5: they guess, 1: always)"


def findings(study: StudyData) -> list[str]:
    """Return what was found, each in one sentence."""
    read = study.table[study.table["phase"] == "reading"]
    if read.empty:
        return [f"{study.name} has no answers yet."]
    cases = {"|".join(sorted(case.split("|"))) for case in read["case"].astype(str)}
    noun = "pair" if any("|" in case for case in cases) else "case"
    readers = counted(len(study.readers), "reader")
    told = [f"{readers} read {counted(len(cases), noun)} of {study.name}."]
    if not study.unblinded:
        return told
    apart = [
        (TURING, auc_merits(readings)) for readings in turing_readings(study.table, study.points)
    ]
    apart += [(CHOSEN, choice_merits(pairs)) for pairs in choices(study.table)]
    areas = [obuchowski_rockette(merits, scale="logit").treatments for _, merits in apart]
    for (what, _), rows in zip(apart, areas, strict=True):
        told += _told_apart(what, rows)
    means = _means(study)
    told += _differences(study, means)
    if any(rows["p_holm"].notna().any() for rows in (*areas, means)):
        told.append(f"p-values are corrected for their number (Holm); {SINGLE}.")
    return told


def _told_apart(what: str, rows: pd.DataFrame) -> list[str]:
    parts = [
        f"{interval(row['estimate'], row['low'], row['high'])} for {row['treatment']}"
        f"{chance(row, 'guessing')}"
        for row in rows_of(rows)
        if math.isfinite(row["estimate"])
    ]
    return [f"{what}: {listed(parts)}."] if parts else []


def _means(study: StudyData) -> pd.DataFrame:
    """Return the differences in means of all readers to questions with a scale."""
    found = comparisons(study.table, points=study.points)
    means = found[(found["reader"] == "all") & (found["quantity"] == DIFFERENCE)]
    scales = {q.name for q in study.questions if q.analysis != "turing"}
    return pd.DataFrame(means[means["question"].isin(scales) & means["estimate"].notna()])


def _differences(study: StudyData, means: pd.DataFrame) -> list[str]:
    told = []
    for name, rows in means.groupby("question", sort=False):
        widest = study.question(str(name)).widest
        parts = [
            f"{first} was rated {listed([_difference(row) for row in rows_of(own)])}"
            for first, own in rows.groupby("first", sort=False)
        ]
        scale = f" (the ends of the scale are {widest:g} points apart)"
        told.append(f"{heading(study.texts[str(name)])} {'; '.join(parts)}{scale}.")
    return told


def _difference(row: Mapping[str, Any]) -> str:
    value, low, high = row["estimate"], row["low"], row["high"]
    if value == 0:
        return f"as high as {row['second']}"
    size = interval(*((value, low, high) if value > 0 else (-value, -high, -low)))
    side = "higher" if value > 0 else "lower"
    return f"{size} {side} than {row['second']}{chance(row, 'chance')}"
