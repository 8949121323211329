"""What the readers answered: distributions, the table of the paper, means and medians, remarks."""

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from evalsuite.statistics.ratings.averages import averages, distributions
from evalsuite.statistics.result import ALL, Result, tabulated
from reports.document import Block, Notice, Picture, Section, Table
from reports.figures.readers import Bars, rating_bars
from reports.readers.claims import intervals
from reports.readers.shown import abreast, footnotes, heading, shown
from reports.sources import StudyData

TITLE = "What the readers answered"
QUESTION = "Question"  # unlike any name of a cohort, beside which it stands
AVERAGES = {"cohort": "cohort", "cases": "n_cases"}


def ratings(study: StudyData) -> Section:
    """Return the chapter on the answers as they are, before anything is compared."""
    shares = distributions(study.table, study.points)
    means = averages(study.table, study.points)
    blocks = _distributions(study, shares)
    beyond: list[Block] = []
    everyone = [mean for mean in means if mean.at("reader") == ALL]
    alone = [mean for mean in means if mean.at("reader") != ALL]
    if any(mean.defined for mean in everyone):
        blocks.append(
            shown(
                "averages",
                f"Mean and median answer, with {intervals(everyone)}.",
                everyone,
                AVERAGES,
                study,
                across="quantity",
            )
        )
        across = "reader" if abreast(alone, "reader") else "quantity"
        beyond.append(
            shown(
                "averages-by-reader",
                f"Mean and median answer of each reader, with {intervals(alone)}.",
                alone,
                {"cohort": "cohort", "number": "quantity"}
                if across == "reader"
                else {"reader": "reader", **AVERAGES},
                study,
                across=across,
                folded=True,
            )
        )
    blocks += _remarks(study)
    if not blocks:
        sentence = "No question of this study has answers whose distribution could be shown."
        blocks = [Notice((sentence,))]
    return Section("ratings", TITLE, tuple(blocks), tuple(beyond))


def _distributions(study: StudyData, shares: Sequence[Result]) -> list[Block]:
    """Return one figure and one table of the answers to all questions with options."""
    by_question = {
        name: list(own) for name, own in groupby(shares, lambda share: share.at("question"))
    }
    answered = {
        name: own
        for name, own in by_question.items()
        if any(share.counts["chosen"] for share in own)
    }
    blocks: list[Block] = [
        Notice((f"{heading(study.texts[name])} nobody answered.",))
        for name in by_question
        if name not in answered
    ]
    drawn = [
        Bars(study.texts[name], own, study.question(name).labels)
        for name, own in answered.items()
        if study.question(name).scale == "ordinal"
    ]
    if drawn:
        one = len(drawn) == 1
        blocks.append(
            Picture(
                "ratings",
                "Share of cases at each answer, mean of all readers"
                f"{', below it each reader' if one else ''}. The line divides the lower from the "
                "upper half of the answers.",
                rating_bars(drawn, by_reader=one),
                "Stacked bars of the answers by question and cohort; the table below has the "
                "numbers.",
            )
        )
    if answered:
        everyone = [
            share for own in answered.values() for share in own if share.at("reader") == ALL
        ]
        several = any(study.question(name).analysis == "options" for name in answered)
        blocks.append(
            Table(
                "shares",
                "Share of cases with each answer, mean of all readers, with its 95 % interval, "
                "which is rough where an answer is rare."
                f"{' Several answers may apply to a case.' if several else ''}",
                pd.concat([_paper(study, name, own) for name, own in answered.items()]).fillna(""),
                footnotes(everyone, study, marked=False)[1],
                group=QUESTION,
                data=tabulated([share for own in answered.values() for share in own]),
            )
        )
    return blocks


def _paper(study: StudyData, name: str, shares: Sequence[Result]) -> pd.DataFrame:
    """Return the table of Khader et al.: the share of cases at each answer, by cohort."""
    options = study.question(name).labels
    view: dict[str, list[str]] = {
        QUESTION: [study.texts[name]] * len(options),
        "Answer": list(options),
    }
    for share in shares:
        if share.at("reader") == ALL:
            view.setdefault(share.at("cohort"), []).append(_share(share))
    return pd.DataFrame(view)


def _share(share: Result) -> str:
    if not share.defined:
        return "no answer"
    ends = f" ({share.low:.0%} to {share.high:.0%})" if share.bounded else ""
    return f"{share.value:.0%}{ends}"


def _remarks(study: StudyData) -> list[Block]:
    """Return what the readers wrote in their own words, word for word."""
    written = study.table[study.table["analysis"] == "remarks"]
    written = written.sort_values("revision", kind="stable").drop_duplicates(
        ["reader", "position", "question"], keep="last"
    )
    written = written[written["answer"].notna()]
    written = written[written["answer"].astype(str).str.strip() != ""]
    training = int((written["phase"] != "reading").sum())
    written = written[written["phase"] == "reading"]
    left_out = f"; {training} on training cases are left out" if training else ""
    if written.empty:
        if "remarks" not in set(study.table["analysis"]):
            return []
        return [Notice((f"Readers could write remarks, but none did{left_out}.",))]
    columns = ["question", "reader", *(["cohort"] if study.unblinded else []), "case", "answer"]
    remarks = written[columns].assign(
        question=[study.texts.get(str(q), str(q)) for q in written["question"]],
        answer=written["answer"].astype(str),
    )
    remarks = remarks.sort_values(["question", *columns[1:-1]], kind="stable")
    return [
        Table(
            "remarks",
            f"What the readers wrote, word for word ({len(remarks)} remarks{left_out}).",
            remarks.reset_index(drop=True).rename(columns={"answer": "remark"}),
            folded=len(remarks) > 20,
            group="question",
        )
    ]
