"""Whether real cases are rated higher than synthetic ones, or alike within the margins."""

from collections.abc import Sequence
from dataclasses import replace

from evalsuite.statistics.ratings.comparison import DIFFERENCE, ODDS_RATIO
from evalsuite.statistics.ratings.equivalence import equivalence
from evalsuite.statistics.ratings.sensitivity import sensitivity
from evalsuite.statistics.result import ALL, Result, tabulated
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import forest
from reports.readers.claims import correction, intervals, uncorrected
from reports.readers.guessing import shown_or_not
from reports.readers.results import StudyResults
from reports.readers.shown import abreast, asked, reasons, shown, told
from reports.sources import StudyData

TITLE = "Real against synthetic"
REAL, SYNTHETIC = {"real cohort": "first"}, {"synthetic cohort": "second"}
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


def comparison(computation: StudyResults) -> Section:
    """Return the chapter on differences between real and synthetic cases.

    Args:
        computation: of a study with the truth.
    """
    study, results = computation.study, computation.compared
    if not results:
        sentence = (
            "No question was asked of single cases on a scale, so there are no ratings to compare."
        )
        return Section("comparison", TITLE, (Notice((sentence,)),))
    everyone = [result for result in results if result.at("reader") == ALL]
    alone = [result for result in results if result.at("reader") != ALL]
    if not any(result.defined for result in everyone):
        return Section("comparison", TITLE, (Notice(reasons(everyone)),))
    read = READ + (READ_ODDS if any(r.quantity == ODDS_RATIO for r in everyone) else "")
    columns = _cohorts(everyone)
    by_reader = abreast(alone, "reader")
    blocks: list[Block] = [
        Text((read + READ_P,)),
        *_pictures(study, everyone),
        shown(
            "comparisons",
            f"Real against synthetic cases over all readers, with {intervals(everyone)}."
            f"{correction(everyone)}",
            everyone,
            columns,
            study,
            across="quantity",
        ),
        *_equivalence(study),
    ]
    beyond = shown(
        "comparisons-by-reader",
        f"Real against synthetic cases, for each reader, with {intervals(alone)}.",
        alone,
        {**columns, "number": "quantity"} if by_reader else {"reader": "reader", **columns},
        study,
        across="reader" if by_reader else "quantity",
        folded=True,
    )
    return Section("comparison", TITLE, tuple(blocks), (beyond, *_sensitivity(study)))


def _cohorts(results: Sequence[Result]) -> dict[str, str]:
    """Return the columns on what was compared; that of the real cohort where there are several."""
    several = len({result.at("first") for result in results}) > 1
    return REAL | SYNTHETIC if several else SYNTHETIC


def _pictures(study: StudyData, everyone: Sequence[Result]) -> list[Block]:
    known = [result for result in everyone if result.defined]
    means = [result for result in known if result.quantity == DIFFERENCE]
    pictures: list[Block] = []
    # A line from 0 to 100 would squeeze the scales of a few points.
    for suffix, scale in (("", "ordinal"), ("-lines", "interval")):
        names = {question.name for question in study.questions if question.scale == scale}
        drawn = [result for result in means if result.at("question") in names]
        if drawn:
            pictures.append(
                Picture(
                    f"differences{suffix}",
                    "Difference of the mean answers, real less synthetic, in points of the scale, "
                    f"with {uncorrected(drawn)}. Right of the line the real cases were rated higher.",
                    forest(
                        drawn,
                        label=lambda r: f"{r.at('first')} less {r.at('second')}",
                        group=lambda r: asked(study, r),
                        reference=0.0,
                        axis="points of the scale, real less synthetic",
                    ),
                    "Forest plot of differences between real and synthetic mean ratings; the "
                    "table below has the numbers.",
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
        sentence = (
            "The design states no margin of equivalence, so this report cannot say that real and "
            "synthetic cases are rated alike, only whether a difference was found."
        )
        blocks.append(Notice((sentence,)))
    if silent:
        blocks.append(
            Notice((f"A margin was stated for {', '.join(silent)}, which nobody answered.",))
        )
    if margins:
        blocks.append(_margin_table(study, equivalence(study.table, margins, points=study.points)))
    return blocks


def _sensitivity(study: StudyData) -> list[Block]:
    results = sensitivity(study.table, points=study.points, unread=study.unread)
    if not results:
        return []
    filled = [result for result in results if result.quantity == DIFFERENCE]
    models = [result for result in results if result.quantity != DIFFERENCE]
    return [
        *([_of_model(study, models)] if models else []),
        *([_of_missing(study, filled)] if filled else []),
    ]


def _of_model(study: StudyData, results: Sequence[Result]) -> Table:
    return shown(
        "sensitivity",
        "Does the comparison rest on its model? The odds ratio of a mixed model, and the test that "
        "one ratio holds at every threshold (F in place of a ratio), with "
        f"{intervals(results)}.{correction(results)}",
        results,
        {
            **_cohorts(results),
            "number": "quantity",
            "under": "assumption",
            "value (95 % interval)": "value",
            "p, corrected": "p_holm",
        },
        study,
        folded=True,
    )


def _of_missing(study: StudyData, results: Sequence[Result]) -> Table:
    together = [result for result in results if result.at("reader") == ALL]
    table = shown(
        "sensitivity-missing",
        "Does the comparison rest on missing answers? The difference in means of all readers if "
        "every missing answer, those of readers who gave up among them, were at an end of the scale, "
        f"with {intervals(together)}.{correction(together)} The file has it of each reader who "
        "missed some, too.",
        together,
        _cohorts(together),
        study,
        across="assumption",
        folded=True,
    )
    return replace(table, data=tabulated(results))


def _margin_table(study: StudyData, results: Sequence[Result]) -> Table:
    return shown(
        "equivalence",
        "Are real and synthetic cases rated alike within the margins that the design stated "
        "before the reading? Equivalence: the means differ by less than the margin. "
        "Non-inferiority: the synthetic mean is lower by less than the margin. “Not shown” does "
        f"not prove the contrary. The differences have {intervals(results)}.{correction(results)}",
        results,
        {**_cohorts(results), "margin": "margin", "difference (90 % interval)": told},
        study,
        across="quantity",
        number=shown_or_not,
    )
