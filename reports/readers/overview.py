"""Who read what, and what has to be known before a figure of the study is believed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from evalsuite.caveats import enumerated
from evalsuite.statistics.cautions import FEW_READERS
from reports.document import Block, Section, Table, Text
from reports.readers.flow import answers_wanted, told_not_done
from reports.readers.quality import quality, small_screens
from reports.readers.reading import suspected
from reports.readers.results import StudyResults
from reports.readers.shown import interval
from reports.sources import StudyData

NOTHING = "\N{EN DASH}"
# Simulated with 12 to 40 cases of a kind; see benchmarks/coverage.py.
COVERED_BY_TWO = (
    "In simulations 95 % intervals of means, differences, areas and shares were cautious: they "
    "covered 92 to 100 %, and tests at 5 % rejected in 0 to 6 %; of five cohorts that do not differ "
    "from real ones, any was told from them after correction in 0 to 8 % of studies."
)
COVERED_BY_FEW = (
    "In simulations 95 % intervals of means, differences, areas and shares covered 93 to 100 %, and "
    "tests at 5 % rejected in 1 to 7 %; of five cohorts that do not differ from real ones, any was "
    "told from them after correction in 1 to 5 % of studies by ratings, and in 1 to 11 % by the "
    "area under the ROC curve, most with three readers who differ much."
)


ALLOCATIONS = {
    "split-plot": "Groups of readers read cases of their own, at most {cap} each, and all of a "
    "group read the same (split-plot), balanced over cohorts and strata by chance.",
    "partially-crossed": "Each reader read at most {cap} cases, which were drawn so that all were "
    "read equally often, balanced over cohorts and strata (partially crossed).",
    "anchor-and-rotate": "Each reader read at most {cap} cases, of which {anchors} were read by "
    "all; the others were drawn so that all were read equally often, balanced over cohorts and "
    "strata.",
}


def overview(results: StudyResults) -> Section:
    """Return the chapter on the design: what was asked, who read how much, how it was blinded."""
    study = results.study
    asked = pd.DataFrame(
        {"question": question.text, "answer": question.worded(question.answered)}
        for question in study.questions
    )
    blocks: list[Block] = [
        Text(
            (
                "Each reader read the cases blinded, in an order of their own.",
                *allocation(study),
                *_later(study),
            )
        ),
        Table("questions", "What the readers were asked.", asked),
        Table("readers", "What each reader read, and how long it took.", _readers(study.table)),
        quality(results),
        *_profile(study),
    ]
    if study.audit and not study.audit["leaks"]:
        blocks.append(Text((_audited(study.audit),)))
    covered = _covered(study)
    beyond = (Text(tuple(covered)),) if covered else ()
    return Section("study", "The reader study", tuple(blocks), beyond)


def allocation(study: StudyData) -> list[str]:
    """Return a sentence on who read which cases; none where everyone read everything."""
    rule = study.design.get("allocation") or {}
    sentence = ALLOCATIONS.get(str(rule.get("scheme")), "")
    return [sentence.format(**rule)] if sentence else []


def cautions(results: StudyResults) -> list[str]:
    """Return what limits the whole study, the gravest first; empty where nothing does."""
    study = results.study
    sentences = []
    if study.state != "closed":
        sentences.append(
            f"The study is {study.state}, not closed: answers may still come, and no table of this "
            "report says which cases are real."
        )
    elif not study.unblinded:
        sentences.append(
            "The table of answers was exported without the truth, so this report does not know "
            "which cases are real. Export it again now that the study is closed."
        )
    if study.audit and study.audit["leaks"]:
        sentences.append(
            _audited(study.audit) + " Readers may have judged these cues instead of the anatomy."
        )
    if study.left_out:
        were = "was" if len(study.left_out) == 1 else "were"
        sentences.append(
            f"{enumerated(study.left_out)} read as well but {were} left out of every number, as was "
            "asked for when this report was made."
        )
    known = (*study.readers, *study.left_out)
    readers, invited = len(study.readers), study.design.get("readers") or ()
    silent = [str(name) for name in invited if str(name) not in known]
    if silent:
        sentences.append(
            f"Of {len(invited)} readers {len(silent)} have answered nothing: {enumerated(silent)}."
        )
    if readers == 1:
        sentences.append("There is only one reader: nothing here holds for other readers.")
    elif 1 < readers < FEW_READERS:
        sentences.append(
            f"There are only {readers} readers, so intervals say little about other readers."
        )
    missing = _missing(study)
    sentences += suspected(results)
    return [*sentences, *filter(None, (small_screens(study), missing))]


def _audited(audit: Mapping[str, Any]) -> str:
    classifier = audit["classifier"]
    ends = interval(classifier["auc"], classifier["low"], classifier["high"])
    verdict = (
        "Trivial cues (file size, borders, grey levels) tell real from synthetic cases"
        if audit["leaks"]
        else "No trivial cue (file size, borders, grey levels) was found that tells real from "
        "synthetic cases"
    )
    return (
        f"{verdict}: all of them together reach an area under the ROC curve of {ends}, where 0.5 "
        "is guessing."
    )


def _missing(study: StudyData) -> str:
    """Return a sentence on answers that were not given to questions that want one."""
    wanted = answers_wanted(study)
    none, missed = int((~wanted["given"]).sum()), told_not_done(study)
    parts = []
    if none:
        parts.append(f"{none} of {len(wanted)} answers were not given")
    if missed:
        parts.append(missed)
    if not parts:
        return ""
    return f"{' and '.join(parts)}; the statistics use those that there are."


def _covered(study: StudyData) -> list[str]:
    """Return how intervals and tests fared in simulations with as few readers."""
    readers = len(study.readers)
    if not 1 < readers < FEW_READERS:
        return []
    return [COVERED_BY_TWO if readers == 2 else COVERED_BY_FEW]


def _later(study: StudyData) -> list[str]:
    if not study.later:
        return []
    return [
        f"{enumerated(study.later)} came later, with an order drawn afresh and balanced likewise."
    ]


def _profile(study: StudyData) -> list[Table]:
    """Return what the readers told of themselves."""
    told = {q.text: study.told_of_readers(q.name) for q in study.profile}
    if not any(told.values()):
        return []
    frame = pd.DataFrame(
        {"reader": name, **{text: answers.get(name, NOTHING) for text, answers in told.items()}}
        for name in study.readers
    )
    return [Table("profile", "What the readers told of themselves.", frame)]


def _readers(table: pd.DataFrame) -> pd.DataFrame:
    first = table[table["revision"] == 0].drop_duplicates(["reader", "presentation"])
    reading = first[first["phase"] == "reading"]
    return pd.DataFrame(
        {
            "reader": name,
            "cases": int(readings.loc[readings["repeat_of"].isna(), "case"].nunique()),
            "hidden repeats": int(readings["repeat_of"].notna().sum()),
            "active minutes": _measure(readings["active_seconds"].sum(min_count=1) / 60),
            "median seconds per case": _measure(readings["active_seconds"].median()),
        }
        for name, readings in reading.groupby("reader", sort=False)
    )


def _measure(value: float) -> float | str:
    return "not recorded" if pd.isna(value) else float(value)
