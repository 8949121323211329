"""The few sentences on a study that who reads nothing else has to read."""

import math
from collections.abc import Mapping
from typing import Any

from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.roc.choice import choice_merits, choices
from evalsuite.statistics.roc.merits import Merits, auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from reports.readers.shown import counted, heading, interval, listed, rows_of
from reports.sources import StudyData


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
    for readings in turing_readings(study.table, study.points):
        told += _told_apart(
            auc_merits(readings),
            "Area under the ROC curve with which readers told real from synthetic cases (0.5: they "
            "guess, 1: always right)",
        )
    for pairs in choices(study.table):
        told += _told_apart(
            choice_merits(pairs),
            "Share of pairs in which readers found the real case (0.5: they guess, 1: always)",
        )
    return [*told, *_differences(study)]


def _told_apart(merits: Merits, what: str) -> list[str]:
    rows = rows_of(obuchowski_rockette(merits, scale="logit").treatments)
    parts = [
        f"{interval(row['estimate'], row['low'], row['high'])} for {row['treatment']}"
        for row in rows
        if math.isfinite(row["estimate"])
    ]
    return [f"{what}: {listed(parts)}."] if parts else []


def _differences(study: StudyData) -> list[str]:
    found = comparisons(study.table, points=study.points)
    means = found[(found["reader"] == "all") & (found["quantity"] == DIFFERENCE)]
    scales = {q.name for q in study.questions if q.kind != "confidence"}
    rated = means[means["question"].isin(scales) & means["estimate"].notna()]
    told = []
    for name, rows in rated.groupby("question", sort=False):
        widest = next(q.widest for q in study.questions if q.name == name)
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
    doubt = ", which may be chance" if low <= 0 <= high else ""
    return f"{size} {'higher' if value > 0 else 'lower'} than {row['second']}{doubt}"
