"""The first page on a study: what was asked, who read what, what was found, what limits it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from evalsuite.caveats import enumerated
from evalsuite.statistics.ratings.comparison import DIFFERENCE, SUPERIORITY
from evalsuite.statistics.result import ALL, Result
from reports.document import Answer, Block, Picture, Text
from reports.figures.readers import forest
from reports.readers.agreement import main
from reports.readers.claims import SINGLE, chance, uncorrected
from reports.readers.flow import flow_picture
from reports.readers.overview import cautions
from reports.readers.plan import primary_result
from reports.readers.results import StudyResults
from reports.readers.shown import counted, heading
from reports.readers.shown import told as number
from reports.sources import StudyData

TURING = (
    "Area under the ROC curve with which readers told real from synthetic cases (0.5: they guess, "
    "1: always right)"
)
CHOSEN = "Share of pairs in which readers found the real case (0.5: they guess, 1: always)"


MOST_ROWS = 16  # of the figure of the first page


def answers(results: StudyResults) -> list[Answer]:
    """Return what the first page says of a study, one figure among it."""
    study = results.study
    if not study.readers:
        return [Answer("Read", (Text((f"{study.name} has no answers yet.",)),))]
    told: list[tuple[str, tuple[Block, ...]]] = [
        ("Asked", (Text((_asked(study),)),)),
        ("Read", (Text((_read(study),)), flow_picture(study))),
    ]
    if study.unblinded:
        told += [("Primary result", (Text(tuple(primary_result(study))),)), *_found(results)]
    limits = cautions(results)
    told += [
        ("Agreement", tuple(_agreement(results))),
        ("Limits", (Text(tuple(limits)),) if limits else ()),
    ]
    return [Answer(head, blocks) for head, blocks in told if blocks]


def _asked(study: StudyData) -> str:
    asked = [
        f"“{question.text}” ({question.worded(question.summary)})" for question in study.questions
    ]
    return f"Of each case: {'; '.join(asked)}."


def _read(study: StudyData) -> str:
    read = study.table[study.table["phase"] == "reading"]
    cases = {"|".join(sorted(case.split("|"))) for case in read["case"].astype(str)}
    noun = "pair" if any("|" in case for case in cases) else "case"
    readers = counted(len(study.readers), "reader")
    scheme = str((study.design.get("allocation") or {}).get("scheme", "full"))
    by = "" if scheme == "full" else f", each reader a part of them ({scheme})"
    return f"{readers} read {counted(len(cases), noun)} of {study.name}{by}."


def _found(results: StudyResults) -> list[tuple[str, tuple[Block, ...]]]:
    study = results.study
    apart = [
        sentence
        for what, analyses in ((TURING, results.told_apart), (CHOSEN, results.chosen))
        for _, analysis in analyses
        for sentence in _told_apart(what, analysis.treatments)
    ]
    differences = _differences(results)
    rated = _rated(study, differences)
    areas = [a.treatments for _, a in (*results.told_apart, *results.chosen)]
    if any(result.p_holm >= 0 for of_one in (*areas, differences) for result in of_one):
        (rated or apart).append(f"p-values are corrected for their number (Holm); {SINGLE}.")
    told: list[tuple[str, tuple[Block, ...]]] = []
    told += [("Told apart", (Text(tuple(apart)),))] if apart else []
    told += [("Ratings", (Text(tuple(rated)),))] if rated else []
    return [*told, ("Figure", tuple(_pictures(results)))]


def _pictures(results: StudyResults) -> list[Block]:
    """Return how well readers tell real from synthetic by each question, on one scale."""
    study = results.study
    shares = [r for _, analysis in results.chosen for r in analysis.treatments if r.defined]
    drawn = [
        result
        for result in results.compared
        if result.quantity == SUPERIORITY and result.at("reader") == ALL and result.defined
    ]
    if len(drawn) + len(shares) > MOST_ROWS:
        asked = {q.name for q in study.questions if q.analysis == "turing"}
        first = drawn[0].at("question") if drawn else ""
        drawn = [r for r in drawn if r.at("question") in (asked or {first})]
    found = [*shares, *drawn]
    order = list(dict.fromkeys(map(_synthetic, found)))
    rows = sorted(found, key=lambda result: order.index(_synthetic(result)))
    if not rows:
        return []
    return [
        Picture(
            "effects",
            "How well readers tell real from synthetic cases by each question: the chance that a "
            "reader rates a random real case above a random synthetic one, ties counted half (for "
            "the question whether a case is real, the area under the ROC curve), or finds the real "
            f"one of a pair; with {uncorrected(rows)}. On the line they cannot.",
            forest(
                rows,
                label=lambda r: study.texts.get(
                    str(r.where.get("question", "")), "real one of a pair"
                ),
                group=lambda r: f"real against {_synthetic(r)}",
                reference=0.5,
                axis="0.5: guessing, 1: always told apart",
                limits=(0.0, 1.0),
            ),
            "Forest plot of probabilities of superiority; tables of the chapters have the numbers.",
        )
    ]


def _synthetic(result: Result) -> str:
    return str(result.where.get("second", result.where.get("treatment", "")))


def _agreement(results: StudyResults) -> list[Block]:
    """Return one coefficient of each question, the first of `agreement.MAIN` that was computed."""
    first: dict[str, Result] = {}
    for result in main(results.between):
        if result.defined:
            first.setdefault(result.at("question"), result)
    parts = [
        f"{coefficient}: "
        + enumerated([f"{number(r)} for “{results.study.texts[r.at('question')]}”" for r in of_one])
        for coefficient, of_one in groupby(
            sorted(first.values(), key=lambda r: r.quantity), lambda r: r.quantity
        )
    ]
    if not parts:
        return []
    return [Text((f"Between readers (0: as by chance, 1: perfect), {'; '.join(parts)}.",))]


def _told_apart(what: str, results: Sequence[Result]) -> list[str]:
    parts = [
        f"{number(result)} for {result.at('treatment')}{chance(result, 'guessing')}"
        for result in results
        if result.defined
    ]
    return [f"{what}: {enumerated(parts)}."] if parts else []


def _differences(results: StudyResults) -> list[Result]:
    """Return the differences in means of all readers to questions with a scale."""
    scales = {q.name for q in results.study.questions if q.analysis != "turing"}
    return [
        result
        for result in results.compared
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
