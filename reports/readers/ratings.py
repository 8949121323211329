"""What the readers answered: distributions, the table of the paper, means and medians, remarks."""

from collections.abc import Iterator

import pandas as pd

from evalsuite.statistics.ratings.averages import averages, distributions
from reports.document import Block, Notice, Picture, Section, Table
from reports.figures.readers import rating_bars
from reports.readers.claims import intervals
from reports.readers.shown import computed, footnotes, heading, rows_of, shown
from reports.sources import StudyData

ALL = "all"
AVERAGES = {
    "cohort": "cohort",
    "n_cases": "cases",
}


def ratings(study: StudyData) -> Section:
    """Return the chapter on the answers as they are, before anything is compared."""
    shares = distributions(study.table, study.points)
    means = averages(study.table, study.points)
    blocks: list[Block] = []
    for name in dict.fromkeys(shares["question"]):
        blocks += _distribution(study, str(name), shares[shares["question"] == name])
    everyone, alone = means[means["reader"] == ALL], means[means["reader"] != ALL]
    if everyone["estimate"].notna().any():
        blocks += [
            shown(
                "averages",
                f"Mean and median answer, with {intervals(everyone)}.",
                everyone,
                AVERAGES,
                study,
                across="quantity",
            ),
            shown(
                "averages-by-reader",
                f"The same for each reader, with {intervals(alone)}.",
                alone,
                {"reader": "reader", **AVERAGES},
                study,
                across="quantity",
                folded=True,
            ),
        ]
    blocks += computed(blocks)
    blocks += _remarks(study)
    if not blocks:
        told = "No question of this study has answers whose distribution could be shown."
        blocks = [Notice((told,))]
    return Section("ratings", "What the readers answered", tuple(blocks))


def _distribution(study: StudyData, name: str, shares: pd.DataFrame) -> Iterator[Block]:
    question = study.question(name)
    options = list(question.labels)
    text = heading(study.texts[name])
    if not shares["count"].sum():
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
    everyone = shares[shares["reader"] == ALL]
    several = "Several answers may apply to a case. " if question.analysis == "options" else ""
    _, notes = footnotes(everyone, study)
    yield Table(
        f"shares-{name}",
        f"{text} share of cases with each answer, mean of all readers, with its 95 % interval, "
        f"which is rough where an answer is rare. {several}".strip(),
        _paper(everyone, options),
        tuple(dict.fromkeys(note.split("] ", 1)[-1] for note in notes)),
        data=everyone.reset_index(drop=True),
    )


def _paper(shares: pd.DataFrame, options: list[str]) -> pd.DataFrame:
    """Return the table of Khader et al.: the share of cases at each answer, by cohort."""
    view: dict[str, list[str]] = {"Answer": options}
    for cohort, own in shares.groupby("cohort", sort=False):
        by_option = {row["option"]: row for row in rows_of(own)}
        view[str(cohort)] = [_share(by_option[place]) for place in range(1, len(options) + 1)]
    return pd.DataFrame(view)


def _share(row: dict[str, object]) -> str:
    value, low, high = (float(str(row[column])) for column in ("estimate", "low", "high"))
    if pd.isna(value):
        return "no answer"
    return f"{value:.0%}" + ("" if pd.isna(low) or pd.isna(high) else f" ({low:.0%} to {high:.0%})")


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
