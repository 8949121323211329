"""The few sentences on a study that who reads nothing else has to read."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from evalsuite.caveats import enumerated
from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.result import ALL, Result
from evalsuite.statistics.roc.choice import choice_merits, choices
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from reports.readers.claims import SINGLE, chance
from reports.readers.plan import plan_findings
from reports.readers.shown import counted, heading
from reports.readers.shown import told as number
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
    sentences = [f"{readers} read {counted(len(cases), noun)} of {study.name}."]
    if not study.unblinded:
        return sentences
    sentences += plan_findings(study)
    apart = [
        (TURING, auc_merits(readings)) for readings in turing_readings(study.table, study.points)
    ]
    apart += [(CHOSEN, choice_merits(pairs)) for pairs in choices(study.table)]
    areas = [obuchowski_rockette(merits).treatments for _, merits in apart]
    for (what, _), results in zip(apart, areas, strict=True):
        sentences += _told_apart(what, results)
    differences = _differences(study)
    sentences += _rated(study, differences)
    if any(result.p_holm >= 0 for results in (*areas, differences) for result in results):
        sentences.append(f"p-values are corrected for their number (Holm); {SINGLE}.")
    return sentences


def _told_apart(what: str, results: Sequence[Result]) -> list[str]:
    parts = [
        f"{number(result)} for {result.at('treatment')}{chance(result, 'guessing')}"
        for result in results
        if result.defined
    ]
    return [f"{what}: {enumerated(parts)}."] if parts else []


def _differences(study: StudyData) -> list[Result]:
    """Return the differences in means of all readers to questions with a scale."""
    scales = {q.name for q in study.questions if q.analysis != "turing"}
    return [
        result
        for result in comparisons(study.table, points=study.points)
        if result.quantity == DIFFERENCE
        and result.at("reader") == ALL
        and result.at("question") in scales
        and result.defined
    ]


def _rated(study: StudyData, differences: Sequence[Result]) -> list[str]:
    sentences = []
    for name, results in groupby(differences, lambda result: result.at("question")):
        widest = study.question(name).widest
        parts = [
            f"{first} was rated {enumerated([_difference(result) for result in of_first])}"
            for first, of_first in groupby(results, lambda result: result.at("first"))
        ]
        scale = f" (the ends of the scale are {widest:g} points apart)"
        sentences.append(f"{heading(study.texts[name])} {'; '.join(parts)}{scale}.")
    return sentences


def _difference(result: Result) -> str:
    second = result.at("second")
    if result.value == 0:
        return f"as high as {second}"
    higher = result.value > 0
    size = (
        result
        if higher
        else replace(result, value=-result.value, low=-result.high, high=-result.low)
    )
    side = "higher" if higher else "lower"
    return f"{number(size)} {side} than {second}{chance(result, 'chance')}"
