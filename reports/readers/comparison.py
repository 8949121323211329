"""Whether real cases are rated higher than synthetic ones, or alike within the margins."""

import pandas as pd

from evalsuite.statistics.ratings.comparison import DIFFERENCE, ODDS_RATIO, SUPERIORITY, comparisons
from evalsuite.statistics.ratings.equivalence import equivalence
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import forest
from reports.readers.claims import correction, intervals, uncorrected
from reports.readers.shown import asked, computed, shown
from reports.sources import StudyData

TITLE = "Real against synthetic"
ALL = "all"
COLUMNS = {
    "first": "real cohort",
    "second": "synthetic cohort",
}
READ = (
    "How far do the answers to real and to synthetic cases lie apart? The difference in means is "
    "in points of the scale. The probability of superiority is the chance that a reader rates a "
    "random real case above a random synthetic one, ties counted half: 0.5 means that they cannot "
    "be told apart by this question."
)
READ_ODDS = (
    " A cumulative odds ratio of 2 says that the odds of any higher answer are twice as large for "
    "real cases."
)
READ_P = (
    " A p below 0.05 speaks "
    "against chance. It is corrected by Holm's method for how many cohorts were tested, a question "
    "whether a case is real by itself and all other questions together; an interval is of one "
    "comparison and may lie clear of chance where the corrected p does not."
)


def comparison(study: StudyData) -> Section:
    """Return the chapter on differences between real and synthetic cases.

    Args:
        study: with the truth.
    """
    found = comparisons(study.table, points=study.points)
    if found.empty:
        told = (
            "No question was asked of single cases on a scale, so there are no ratings to compare."
        )
        return Section("comparison", TITLE, (Notice((told,)),))
    everyone, alone = found[found["reader"] == ALL], found[found["reader"] != ALL]
    if not everyone["estimate"].notna().any():
        reasons = tuple(dict.fromkeys(str(text) for text in everyone["warnings"] if text))
        return Section("comparison", TITLE, (Notice(reasons),))
    several = len(set(everyone["first"])) > 1
    read = READ + (READ_ODDS if ODDS_RATIO in set(everyone["quantity"]) else "")
    columns = COLUMNS if several else {k: v for k, v in COLUMNS.items() if k != "first"}
    blocks: list[Block] = [Text((read + READ_P,)), *_pictures(study, everyone)]
    blocks += [
        shown(
            "comparisons",
            f"Real against synthetic cases over all readers, with {intervals(everyone)}."
            f"{correction(everyone)}",
            everyone,
            columns,
            study,
            across="quantity",
        ),
        shown(
            "comparisons-by-reader",
            f"The same for each reader, with {intervals(alone)}.",
            alone,
            {"reader": "reader", **columns},
            study,
            across="quantity",
            folded=True,
        ),
        *_equivalence(study),
    ]
    blocks += computed(blocks)
    return Section("comparison", TITLE, tuple(blocks))


def _pictures(study: StudyData, everyone: pd.DataFrame) -> list[Block]:
    known = asked(study, everyone[everyone["estimate"].notna()])
    pictures: list[Block] = []
    means = known[known["quantity"] == DIFFERENCE]
    # A line from 0 to 100 would squeeze the scales of a few points.
    for suffix, scale in (("", "ordinal"), ("-lines", "interval")):
        names = {question.name for question in study.questions if question.scale == scale}
        drawn = means[means["question"].isin(names)]
        if len(drawn):
            pictures.append(
                Picture(
                    f"differences{suffix}",
                    "Difference of the mean answers, real less synthetic, in points of the scale, "
                    f"with {uncorrected(drawn)}. Right of the line the real cases were rated higher.",
                    forest(
                        drawn.assign(row=drawn["first"] + " less " + drawn["second"]),
                        label="row",
                        group="asked",
                        reference=0.0,
                        axis="points of the scale, real less synthetic",
                    ),
                    "Forest plot of differences between real and synthetic mean ratings; the "
                    "table below has the numbers.",
                )
            )
    chance = known[known["quantity"] == SUPERIORITY]
    if len(chance):
        pictures.append(
            Picture(
                "superiority",
                "Probability that a reader rates a random real case above a random synthetic one, "
                f"ties counted half, with {uncorrected(chance)}; on "
                "the line they cannot be told apart.",
                forest(
                    chance.assign(row=chance["first"] + " over " + chance["second"]),
                    label="row",
                    group="asked",
                    reference=0.5,
                    axis="probability of superiority",
                    limits=(0.0, 1.0),
                ),
                "Forest plot of probabilities of superiority; the table below has the numbers.",
            )
        )
    return pictures


def _equivalence(study: StudyData) -> list[Block]:
    stated = {str(k): float(v) for k, v in (study.design.get("margins") or {}).items()}
    rated = {q.name for q in study.questions if q.analysis != "choice"}
    margins = {k: v for k, v in stated.items() if k in rated and k in study.answered}
    silent = [k for k in stated if k in rated and k not in study.answered]
    blocks: list[Block] = []
    if not stated:
        told = (
            "The design states no margin of equivalence, so this report cannot say that real and "
            "synthetic cases are rated alike, only whether a difference was found."
        )
        blocks.append(Notice((told,)))
    if silent:
        blocks.append(
            Notice((f"A margin was stated for {', '.join(silent)}, which nobody answered.",))
        )
    if margins:
        blocks.append(_margin_table(study, equivalence(study.table, margins, points=study.points)))
    return blocks


def _margin_table(study: StudyData, found: pd.DataFrame) -> Table:
    verdicts = found.assign(
        shown=[
            "not known" if pd.isna(p) else ("yes" if yes else "not shown")
            for p, yes in zip(found["p"], found["shown"], strict=True)
        ]
    )
    return shown(
        "equivalence",
        "Are real and synthetic cases rated alike within the margins that the design stated "
        "before the reading? Equivalence: the means differ by less than the margin. "
        "Non-inferiority: the synthetic mean is lower by less than the margin. “Not shown” does "
        f"not prove the contrary. The differences have {intervals(found)}.{correction(found)}",
        verdicts,
        {
            **({"first": "real cohort"} if len(set(found["first"])) > 1 else {}),
            "second": "synthetic cohort",
            "test": "test",
            "margin": "margin",
            "estimate": "difference (90 % interval)",
            "p_holm": "p, corrected",
            "shown": "shown",
        },
        study,
    )
