"""Whether readers agree with one another, and each with themselves."""

import math
from collections.abc import Collection, Mapping

from evalsuite.statistics.agreement.between import agreement_between_readers, agreement_of_pairs
from evalsuite.statistics.agreement.within import agreement_within_readers
from reports.document import Block, Notice, Picture, Section, Text
from reports.figures.readers import forest
from reports.readers.claims import intervals
from reports.readers.shown import asked, computed, reasons, shown
from reports.sources import StudyData

TITLE = "Do readers agree?"
LONG = 40
# What is shown first: one coefficient of each family, for the agreement of single readers.
MAIN = (
    "quadratic weighted kappa",
    "Cohen kappa",
    "Gwet AC2",
    "Gwet AC1",
    "Krippendorff alpha (ordinal)",
    "Krippendorff alpha (interval)",
    "Krippendorff alpha (nominal)",
    "ICC(2,1)",
)
READ = (
    "All coefficients are 1 for perfect agreement and about 0 where readers agree no more than by "
    "chance. They differ in what counts as chance and as near agreement. In simulations the 95 % "
    "intervals held the truth in 93 to 98 %."
)
# What is to be known of a coefficient where it was computed.
READ_OF = {
    "Gwet AC1": " Kappa and Krippendorff's alpha fall where nearly all answers are the same, "
    "Gwet's AC1 stays high there.",
    "Gwet AC2": " Weighted kappa and Krippendorff's alpha fall where nearly all answers are the "
    "same, Gwet's AC2 stays high there; its intervals held the truth in as few as 88 % where one "
    "of few readers rates much lower or higher than the others.",
    "ICC(2,1)": " The intraclass correlation ICC(2,1) is the share of the spread of answers that is "
    "due to the cases rather than to readers and error.",
}
FORMS = (
    " ICC(1,·): readers differ from case to case; (2,·): they are a sample; (3,·): these readers "
    "only. (·,1): one reader; (·,k): the mean of all."
)
WITHIN = {
    "exact agreement": " Exact agreement is the share of repeats with the same answer.",
    "repeatability coefficient": " The repeatability coefficient says by how many points two "
    "answers to one case differ at most, in 95 %.",
}
AGREEMENT = {"coefficient": "quantity", "agreement (95 % interval)": "value"}
COUNTS = {"readers": "n_readers", "cases": "n_cases"}


def agreement(study: StudyData, replicates: int) -> Section:
    """Return the chapter on agreement between and within readers.

    Args:
        study: with or without the truth.
        replicates: of every bootstrap.
    """
    blocks = [*_between(study, replicates), *_within(study, replicates)]
    return Section("agreement", TITLE, (*blocks, *computed(blocks)))


def _between(study: StudyData, replicates: int) -> list[Block]:
    results = agreement_between_readers(study.table, points=study.points, replicates=replicates)
    if not results:
        sentence = "No question has answers on a scale, so agreement has no meaning here."
        return [Notice((sentence,))]
    names = {result.quantity for result in results if result.defined}
    if not names:
        return [Notice(reasons(results))]
    # Each ICC has a second row with another interval.
    main = [r for r in results if r.quantity in MAIN and r.interval != "F distribution"]
    drawn = [result for result in main if result.defined]
    blocks: list[Block] = [Text((READ + _of(READ_OF, names),))]
    if drawn:
        lowest = min(0.0, *(end for r in drawn for end in (r.low, r.value) if not math.isnan(end)))
        blocks.append(
            Picture(
                "agreement",
                f"Agreement between readers with {intervals(drawn)}: 1 is perfect, 0 what chance "
                "gives.",
                forest(
                    drawn,
                    label=lambda result: result.quantity,
                    group=lambda result: asked(study, result),
                    reference=0.0,
                    axis="agreement",
                    limits=(max(-1.0, lowest - 0.05), 1.02),
                ),
                "Forest plot of agreement by question; the table below has the numbers.",
            )
        )
    blocks += [
        shown(
            "agreement",
            f"Agreement between readers, with {intervals(main)}.",
            main,
            {"question": "question", **COUNTS},
            study,
            group="",
            across=True,
        ),
        shown(
            "agreement-all",
            f"All coefficients of agreement between readers, with {intervals(results)}."
            f"{FORMS if 'ICC(2,1)' in names else ''}",
            results,
            {**AGREEMENT, "interval by": "interval", **COUNTS},
            study,
            folded=True,
        ),
    ]
    pairs = agreement_of_pairs(study.table)
    if pairs:
        columns = {"readers": "reader", **AGREEMENT, "common cases": "n_cases"}
        caption = f"Agreement of each pair of readers, with {intervals(pairs)}."
        blocks.append(shown("agreement-pairs", caption, pairs, columns, study, folded=True))
    return blocks


def _of(sentences: Mapping[str, str], names: Collection[str]) -> str:
    """Return the sentences on those coefficients that were computed."""
    return "".join(sentence for name, sentence in sentences.items() if name in names)


def _within(study: StudyData, replicates: int) -> list[Block]:
    results = agreement_within_readers(study.table, points=study.points, replicates=replicates)
    if not results:
        planned = study.design.get("repeats")
        sentence = (
            "No reader has answered a hidden repeat yet, so agreement within readers is not known."
            if planned
            else "The design has no hidden repeats, so agreement within readers is not known."
        )
        return [Notice((sentence,))]
    return [
        shown(
            "agreement-within",
            "Agreement of each reader with themselves, from cases that were shown twice, "
            f"with {intervals(results)}.{_of(WITHIN, {r.quantity for r in results})}",
            results,
            {"reader": "reader", "repeated cases": "n_cases"},
            study,
            across=True,
            folded=len(results) > LONG,
        )
    ]
