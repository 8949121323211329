"""The reader-study part of a report: statistics of `evalsuite.statistics`, drawn and told."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from evalsuite.statistics.agreement.between import agreement_between_readers, agreement_of_pairs
from evalsuite.statistics.agreement.within import agreement_within_readers
from evalsuite.statistics.ratings.averages import averages, distributions
from evalsuite.statistics.ratings.comparison import comparisons
from evalsuite.statistics.ratings.course import course, times
from evalsuite.statistics.ratings.equivalence import equivalence
from evalsuite.statistics.roc.choice import choice_merits, choices, reader_choices
from evalsuite.statistics.roc.curves import reader_aucs, reader_rates, roc_curves
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import forest, rating_bars, roc
from reports.sources import StudyData

HIDDEN = ("level", "method", "reference", "warnings", "n_answers", "hypothesis", "role")


def study_sections(study: StudyData, *, replicates: int) -> list[Section]:
    """Return the chapters on a study: design, ratings, comparisons, Turing test, agreement.

    Args:
        study: with its long table.
        replicates: of every bootstrap.
    """
    if study.table.empty:
        return [Section("study", "The reader study", (Notice(("There are no answers yet.",)),))]
    sections = [_overview(study), _ratings(study)]
    if study.unblinded:
        sections += [_comparison(study), *_turing(study), *_choices(study)]
    return [*sections, _agreement(study, replicates), _course(study)]


def findings(study: StudyData) -> list[str]:
    """Return the few sentences on a study that who reads nothing else has to read."""
    readers, cases = study.table["reader"].nunique(), study.table["case"].nunique()
    told = [f"{_count(readers, 'reader')} rated {_count(cases, 'case')} of {study.name}."]
    if not study.unblinded:
        told.append("The study is not closed, so this report does not know which cases are real.")
        return told
    for readings in turing_readings(study.table, study.points):
        merits = obuchowski_rockette(auc_merits(readings), scale="logit").treatments
        parts = [
            f"{row['estimate']:.2f} for {row['treatment'] or 'synthetic'}"
            f"{_between(row['low'], row['high'])}"
            for row in rows_of(merits)
            if np.isfinite(row["estimate"])
        ]
        if parts:
            told.append(
                "Area under the ROC curve with which readers told real from synthetic cases "
                f"(0.5: they guess, 1: always right): {_and(parts)}."
            )
    found = comparisons(study.table)
    means = found[(found["reader"] == "all") & (found["quantity"] == "difference in means")]
    scales = {q.name for q in study.questions if q.kind != "confidence"}
    rated = means[means["question"].isin(scales) & means["estimate"].notna()]
    for question, rows in rated.groupby("question", sort=False):
        parts = [
            f"{abs(row['estimate']):.2f} {'higher' if row['estimate'] >= 0 else 'lower'} than "
            f"{row['second']}{_between(row['low'], row['high'])}"
            for row in rows_of(rows)
        ]
        asked = _sentence(study.texts.get(str(question), str(question)))
        told.append(f"{asked} {rows['first'].iloc[0].capitalize()} cases were rated {_and(parts)}.")
    return told


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _overview(study: StudyData) -> Section:
    table = study.table
    first = table[table["revision"] == 0].drop_duplicates(["reader", "presentation"])
    reading = first[first["phase"] == "reading"]
    rows = pd.DataFrame(
        {
            "reader": name,
            "cases": own.loc[own["repeat_of"].isna(), "case"].nunique(),
            "hidden repeats": int(own["repeat_of"].notna().sum()),
            "active minutes": own["active_seconds"].sum() / 60,
            "median seconds per case": own["active_seconds"].median(),
        }
        for name, own in reading.groupby("reader", sort=False)
    )
    notices = []
    if study.state != "closed":
        notices.append(
            f"The study is {study.state}, not closed: answers may still come, and no table of this "
            "report says which cases are real."
        )
    readers = len(set(table["reader"]))
    if readers == 1:
        notices.append("There is one reader: nothing here holds for other readers.")
    elif readers == 2:
        notices.append("There are two readers: the results do not generalise to other readers.")
    asked = Text(
        tuple(
            f"{q.text} ({q.kind.replace('_', ' ')}"
            f"{': ' + '; '.join(study.options(q.name)) if study.options(q.name) else ''})"
            for q in study.questions
        )
    )
    blocks: list[Block] = [
        *([Notice(tuple(notices))] if notices else []),
        Text(("Every reader read the cases in an order of his own, blinded. He was asked:",)),
        asked,
        Table("readers", "What each reader read, and how long he took.", rows),
    ]
    if study.audit:
        leaking = "a" if study.audit["leaks"] else "no"
        sentence = (
            f"Before the reading, {leaking} trivial cue (file size, borders, grey levels) was "
            "found that tells real from synthetic cases: all cues together reach an AUC of "
            f"{study.audit['classifier']['auc']:.2f}."
        )
        blocks.append(Text((sentence,)))
    return Section("study", "The reader study", tuple(blocks))


def _ratings(study: StudyData) -> Section:
    shares = distributions(study.table, study.points)
    means = averages(study.table)
    blocks: list[Block] = []
    for name in dict.fromkeys(shares["question"]):
        own = shares[shares["question"] == name]
        options = study.options(name) or [str(i) for i in sorted(own["option"].unique())]
        blocks.append(
            Picture(
                f"ratings-{name}",
                f"{_sentence(study.texts.get(name, name))} share of cases at each answer; bold, the mean of "
                "all readers, below it each reader. The line divides the lower from the upper "
                "half of the answers.",
                rating_bars(own, options),
                f"Stacked bars of the answers to {name} by cohort and reader.",
            )
        )
        everyone = own[own["reader"] == "all"]
        if not everyone.empty:
            blocks.append(_paper_table(study, name, everyone, options))
    overall = means[means["reader"] == "all"] if len(means) else means
    blocks.append(
        Table(
            "averages",
            "Mean and median answer with intervals that hold for other readers and other cases.",
            tidy(overall, drop=("reader", "level")),
            notes(overall),
        )
    )
    blocks.append(
        Table(
            "averages-by-reader",
            "The same for each reader; the intervals speak of this reader only.",
            tidy(means[means["reader"] != "all"]),
            folded=True,
        )
    )
    return Section("ratings", "What the readers answered", tuple(blocks))


def _paper_table(
    study: StudyData, question: str, shares: pd.DataFrame, options: list[str]
) -> Table:
    """Return the table of Khader et al.: share of cases at each option, by cohort."""
    cohorts = list(dict.fromkeys(shares["cohort"]))
    rows = pd.DataFrame({"answer": options})
    for cohort in cohorts:
        own = shares[shares["cohort"] == cohort].set_index("option")
        rows[cohort or "all cases"] = [
            f"{own.loc[i, 'estimate']:.0%}{_between(own.loc[i, 'low'], own.loc[i, 'high'], '.0%')}"
            for i in range(1, len(options) + 1)
        ]
    return Table(
        f"shares-{question}",
        f"{_sentence(study.texts.get(question, question))} share of cases at each answer, mean of all "
        "readers, with its 95 % interval.",
        rows,
        notes(shares),
    )


def _comparison(study: StudyData) -> Section:
    found = comparisons(study.table)
    if found.empty:
        sentence = "Real cases and synthetic cases are both needed for a comparison."
        return Section("comparison", "Real against synthetic", (Notice((sentence,)),))
    everyone = found[found["reader"] == "all"]
    blocks: list[Block] = []
    means = everyone[everyone["quantity"] == "difference in means"].copy()
    means["row"] = means["first"] + " less " + means["second"]
    drawn = means[means["question"].isin(_ordinal(study))]
    if not drawn.empty:
        blocks.append(
            Picture(
                "differences",
                "Difference of the mean answers, real less synthetic, in points of the scale, "
                "with 95 % intervals that hold for other readers and other cases. Right of the "
                "line the real cases were rated higher.",
                forest(
                    _asked(study, drawn), label="row", group="asked", reference=0.0, axis="points"
                ),
                "Forest plot of differences between real and synthetic mean ratings.",
            )
        )
    chance = everyone[everyone["quantity"] == "probability of superiority"].copy()
    chance["row"] = chance["first"] + " over " + chance["second"]
    if not chance.empty:
        blocks.append(
            Picture(
                "superiority",
                "Probability that a random real case is rated above a random synthetic one by the "
                "same reader, ties counted half; 0.5 means that they cannot be told apart.",
                forest(
                    _asked(study, chance),
                    label="row",
                    group="asked",
                    reference=0.5,
                    axis="probability",
                    limits=(0.0, 1.0),
                ),
                "Forest plot of probabilities of superiority.",
            )
        )
    blocks.append(
        Table(
            "comparisons",
            "All comparisons of real with synthetic cases over all readers. p (Holm) is corrected "
            "for the number of questions and cohorts.",
            tidy(everyone, drop=("reader", "level")),
            notes(everyone),
        )
    )
    blocks += _equivalence(study)
    return Section("comparison", "Real against synthetic", tuple(blocks))


def _equivalence(study: StudyData) -> list[Block]:
    margins = study.design.get("margins") or {}
    if not margins:
        sentence = (
            "The design states no margin of equivalence, so this report cannot say that real and "
            "synthetic cases are rated alike, only whether a difference was found."
        )
        return [Notice((sentence,))]
    found = equivalence(study.table, {k: float(v) for k, v in margins.items()})
    return [
        Table(
            "equivalence",
            "Are real and synthetic cases rated alike within the margins that the design stated "
            "beforehand? Two one-sided tests.",
            tidy(found, drop=("reader", "level")),
            notes(found),
        )
    ]


def _turing(study: StudyData) -> list[Section]:
    sections = []
    for place, readings in enumerate(turing_readings(study.table, study.points)):
        name = readings.question
        suffix = "" if place == 0 else f"-{name}"
        curves = roc_curves(readings)
        by_reader = reader_aucs(readings)
        analysis = obuchowski_rockette(auc_merits(readings), scale="logit")
        rates = reader_rates(readings)
        blocks: list[Block] = []
        if readings.warnings:
            blocks.append(Notice(tuple(readings.warnings)))
        if not curves.empty:
            blocks.append(
                Picture(
                    f"roc{suffix}",
                    "How well readers tell real from synthetic cases at every degree of "
                    "confidence. On the dashed line they guess; the further above, the better "
                    "they tell them apart.",
                    roc(curves),
                    "ROC curves of all readers and their mean.",
                )
            )
        blocks += [
            Table(
                f"turing{suffix}",
                "Area under the ROC curve over all readers (0.5: readers guess), by the analysis "
                "of variance of Obuchowski and Rockette: readers and cases are both samples.",
                tidy(analysis.treatments),
                notes(analysis.treatments),
            ),
            *(
                [
                    Table(
                        f"turing-differences{suffix}",
                        "Are some synthetic cohorts easier to tell from real than others?",
                        tidy(analysis.differences),
                        notes(analysis.differences),
                    )
                ]
                if len(analysis.differences)
                else []
            ),
            Table(
                f"turing-readers{suffix}",
                "Area under the ROC curve of each reader, DeLong's standard error.",
                tidy(by_reader),
                notes(by_reader),
            ),
            Table(
                f"turing-rates{suffix}",
                "Real is the positive answer: sensitivity is the share of real cases called real, "
                "specificity that of synthetic cases called synthetic; exact intervals.",
                tidy(rates),
                notes(rates),
                folded=len(rates) > 24,
            ),
            Table(
                f"turing-components{suffix}",
                "Variance components and covariances of the analysis.",
                tidy(analysis.components),
                folded=True,
            ),
        ]
        title = "Can readers tell real from synthetic?" + ("" if place == 0 else f" ({name})")
        sections.append(Section(f"turing{suffix}", title, tuple(blocks)))
    return sections


def _choices(study: StudyData) -> list[Section]:
    sections = []
    for found in choices(study.table):
        by_reader = reader_choices(found)
        overall = obuchowski_rockette(choice_merits(found), scale="logit").treatments
        blocks: list[Block] = [
            *([Notice(tuple(found.warnings))] if found.warnings else []),
            Table(
                f"choice-{found.question}",
                "Share of pairs in which the real case was found, over all readers (0.5: readers "
                "guess); readers and pairs are both samples.",
                tidy(overall),
                notes(overall),
            ),
            Table(
                f"choice-readers-{found.question}",
                "The same for each reader, with exact intervals.",
                tidy(by_reader),
                notes(by_reader),
            ),
        ]
        title = "Which of the two is real?"
        sections.append(Section(f"choice-{found.question}", title, tuple(blocks)))
    return sections


def _agreement(study: StudyData, replicates: int) -> Section:
    between = agreement_between_readers(
        study.table, points=study.points, replicates=replicates
    ).rename(columns={"value": "estimate"})
    within = agreement_within_readers(
        study.table, points=study.points, replicates=replicates
    ).rename(columns={"value": "estimate"})
    blocks: list[Block] = []
    drawn = between[(between["interval"] != "F distribution") & between["estimate"].notna()]
    if not drawn.empty:
        blocks.append(
            Picture(
                "agreement",
                "Agreement between readers: 1 is perfect, 0 what chance gives. The coefficients "
                "differ in what they count as chance and as near agreement; where answers gather "
                "at one end, AC2 stays high and the kappas fall.",
                forest(
                    _asked(study, drawn),
                    label="coefficient",
                    group="asked",
                    reference=0.0,
                    axis="agreement",
                    limits=(-0.3, 1.02),
                ),
                "Forest plot of agreement coefficients by question.",
            )
        )
    if between.empty:
        blocks.append(Notice(("There are no answers on a scale, so agreement has no meaning.",)))
    else:
        blocks.append(
            Table(
                "agreement",
                "Every coefficient of agreement between readers.",
                tidy(between, drop=("readers", "level")),
                notes(between),
                folded=len(between) > 40,
            )
        )
        pairs = agreement_of_pairs(study.table).rename(columns={"value": "estimate"})
        caption = "Agreement of each pair of readers."
        blocks.append(Table("agreement-pairs", caption, tidy(pairs), folded=True))
    if within.empty:
        sentence = "The design has no hidden repeats, so agreement within readers is not known."
        blocks.append(Notice((sentence,)))
    else:
        blocks.append(
            Table(
                "agreement-within",
                "Agreement of each reader with himself, from cases that were shown twice.",
                tidy(within),
                notes(within),
                folded=len(within) > 40,
            )
        )
    return Section("agreement", "Do readers agree?", tuple(blocks))


def _course(study: StudyData) -> Section:
    found = course(study.table)
    seconds = times(study.table)
    overall = found[found["reader"] == "all"] if len(found) else found
    return Section(
        "course",
        "Order, learning, fatigue and time",
        (
            Table(
                "times",
                "Active seconds on a case (page visible and in use).",
                tidy(seconds[seconds["reader"] == "all"] if len(seconds) else seconds),
                notes(seconds),
            ),
            Table(
                "course",
                "Did answers and times change over the reading? trend: change per presentation; "
                "first and last fifth: against the middle; after real: when the case before was "
                "real.",
                tidy(overall, drop=("reader", "level")),
                notes(overall),
            ),
            Table(
                "course-by-reader",
                "The same for each reader.",
                tidy(found[found["reader"] != "all"] if len(found) else found),
                folded=True,
            ),
        ),
    )


def _ordinal(study: StudyData) -> set[str]:
    return {q.name for q in study.questions if q.kind in ("choice", "likert", "confidence")}


def _asked(study: StudyData, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(asked=[study.texts.get(name, name) for name in rows["question"]])


def tidy(table: pd.DataFrame, drop: Iterable[str] = ()) -> pd.DataFrame:
    """Return the columns that people read, with names for people."""
    hidden = {*HIDDEN, *drop}
    kept = table[[column for column in table.columns if column not in hidden]]
    names = {"p_holm": "p (Holm)", "n_readers": "readers", "n_cases": "cases"}
    # Some tables have columns of these names that say which readers, or which cases.
    names = {old: new for old, new in names.items() if new not in kept.columns}
    return kept.rename(columns={c: names.get(c, c.replace("_", " ")) for c in kept.columns})


def notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the warnings, methods and references of a table, each once."""
    told = []
    for column, head in (("warnings", ""), ("method", "Method: "), ("reference", "Reference: ")):
        if column in table:
            values = dict.fromkeys(v for v in table[column] if isinstance(v, str) and v)
            told += [f"{head}{known(value)}" for value in values if known(value)]
    return tuple(dict.fromkeys(told))


def known(sentences: str) -> str:
    """Return the sentences without the one on an unknown number of options, which is known here."""
    kept = [
        s for s in re.split(r"(?<=\.) ", sentences) if "the question offers was not told" not in s
    ]
    return " ".join(s for s in kept if not s.startswith("occurs"))


def _between(low: object, high: object, form: str = ".2f") -> str:
    ends = [float(str(low)), float(str(high))]
    if not np.isfinite(ends).all():
        return ""
    return f" ({ends[0]:{form}} to {ends[1]:{form}})"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else f"{text}:"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
