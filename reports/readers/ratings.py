"""What the readers answered: distributions, the table of the paper, means and medians, remarks."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import pandas as pd

from evalsuite.statistics.ratings.averages import averages, distributions
from evalsuite.statistics.result import ALL, Result, tabulated
from reports.document import Block, Notice, Picture, Section, Table
from reports.figures.readers import rating_bars
from reports.readers.claims import intervals
from reports.readers.shown import computed, footnotes, heading, shown
from reports.sources import StudyData

AVERAGES = {"cohort": "cohort", "cases": "n_cases"}


def ratings(study: StudyData) -> Section:
    """Return the chapter on the answers as they are, before anything is compared."""
    shares = distributions(study.table, study.points)
    means = averages(study.table, study.points)
    blocks: list[Block] = []
    for name, results in groupby(shares, lambda share: share.at("question")):
        blocks += _distribution(study, name, list(results))
    everyone = [mean for mean in means if mean.at("reader") == ALL]
    alone = [mean for mean in means if mean.at("reader") != ALL]
    if any(mean.defined for mean in everyone):
        blocks += [
            shown(
                "averages",
                f"Mean and median answer, with {intervals(everyone)}.",
                everyone,
                AVERAGES,
                study,
                across=True,
            ),
            shown(
                "averages-by-reader",
                f"The same for each reader, with {intervals(alone)}.",
                alone,
                {"reader": "reader", **AVERAGES},
                study,
                across=True,
                folded=True,
            ),
        ]
    blocks += computed(blocks)
    blocks += _remarks(study)
    if not blocks:
        sentence = "No question of this study has answers whose distribution could be shown."
        blocks = [Notice((sentence,))]
    return Section("ratings", "What the readers answered", tuple(blocks))


def _distribution(study: StudyData, name: str, shares: Sequence[Result]) -> Iterator[Block]:
    question = study.question(name)
    options = list(question.labels)
    text = heading(study.texts[name])
    if not any(share.counts["chosen"] for share in shares):
        yield Notice((f"{text} nobody answered.",))
        return
    if question.scale == "ordinal":
        yield Picture(
            f"ratings-{name}",
            f"{text} share of cases at each answer; bold, the mean of all readers, below it each "
            "reader. The line divides the lower from the upper half of the answers.",
            rating_bars(shares, options),
            f"Stacked bars of the answers to {name} by cohort and reader; the table below has the "
            "numbers.",
        )
    everyone = [share for share in shares if share.at("reader") == ALL]
    several = "Several answers may apply to a case. " if question.analysis == "options" else ""
    notes = footnotes(everyone, study, marked=False)[1]
    yield Table(
        f"shares-{name}",
        f"{text} share of cases with each answer, mean of all readers, with its 95 % interval, "
        f"which is rough where an answer is rare. {several}".strip(),
        _paper(everyone, options),
        notes,
        data=tabulated(everyone),
    )


def _paper(shares: Sequence[Result], options: list[str]) -> pd.DataFrame:
    """Return the table of Khader et al.: the share of cases at each answer, by cohort."""
    view: dict[str, list[str]] = {"Answer": options}
    for share in shares:
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
