"""Whether readers agree with one another, and each with themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from evalsuite.statistics.agreement.between import agreement_of_pairs
from evalsuite.statistics.result import ALL, Result, tabulated
from reports.document import Block, Notice, Section, Text
from reports.readers.claims import intervals
from reports.readers.results import StudyResults
from reports.readers.shown import abreast, reasons, shown
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
    "intervals held the truth in 91 to 100 %, but where a note says less."
)
# What is to be known of a coefficient where it was computed.
READ_OF = {
    "Gwet AC1": " Kappa and Krippendorff's alpha fall where nearly all answers are the same, "
    "Gwet's AC1 stays high there.",
    "Gwet AC2": " Weighted kappa and Krippendorff's alpha fall where nearly all answers are the "
    "same, Gwet's AC2 stays high there.",
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
VALUE = {"agreement (95 % interval)": "value"}
COUNTS = {"readers": "n_readers", "cases": "n_cases"}


def agreement(computation: StudyResults) -> Section:
    """Return the chapter on agreement between and within readers.

    Args:
        computation: of a study with or without the truth.
    """
    study = computation.study
    between, of_variants = _between(study, computation.between)
    within, of_readers = _within(study, computation.within)
    return Section("agreement", TITLE, (*between, *within), (*of_variants, *of_readers))


def main(results: Sequence[Result]) -> list[Result]:
    """Return one coefficient of each family; each ICC has a second row with another interval."""
    return [r for r in results if r.quantity in MAIN and r.interval != "F distribution"]


def _between(study: StudyData, results: Sequence[Result]) -> tuple[list[Block], list[Block]]:
    """Return what the chapter shows, and the variants."""
    if not results:
        sentence = "No question has answers on a scale, so agreement has no meaning here."
        return [Notice((sentence,))], []
    names = {result.quantity for result in results if result.defined}
    if not names:
        return [Notice(reasons(results))], []
    first = [result for result in main(results) if result.quantity in names]
    blocks: list[Block] = [
        Text((READ + _of(READ_OF, names),)),
        shown(
            "agreement",
            f"Agreement between readers, with {intervals(first)}.",
            first,
            {"question": "question", **COUNTS},
            study,
            group="",
            across="quantity",
        ),
    ]
    across = "question" if abreast(results, "question") else ""
    beyond: list[Block] = [
        shown(
            "agreement-all",
            f"All coefficients of agreement between readers, with {intervals(results)}."
            f"{FORMS if 'ICC(2,1)' in names else ''}",
            results,
            {"coefficient": "quantity", "interval by": "interval"}
            if across
            else {"coefficient": "quantity", "interval by": "interval", **VALUE, **COUNTS},
            study,
            group="" if across else "question",
            across=across,
            folded=True,
        ),
    ]
    if pairs := agreement_of_pairs(study.table):
        across = "question" if abreast(pairs, "question") else ""
        kinds = list(dict.fromkeys(pair.quantity for pair in pairs))
        one = f" ({kinds[0]})" if len(kinds) == 1 else ""
        caption = f"Agreement of each pair of readers{one}, with {intervals(pairs)}."
        columns = {"readers": "reader"} if one else {"readers": "reader", "coefficient": "quantity"}
        common = {pair.at("reader") for pair in pairs if pair.defined}
        known = [pair for pair in pairs if pair.at("reader") in common or not common]
        if len(known) < len(pairs):
            caption += " The file has those, too, of whom nothing can be told."
        table = shown(
            "agreement-pairs",
            caption,
            known,
            columns if across else {**columns, **VALUE, "common cases": "n_cases"},
            study,
            group="" if across else "question",
            across=across,
            folded=True,
        )
        beyond.append(replace(table, data=tabulated(pairs)))
    return blocks, beyond


def _of(sentences: Mapping[str, str], names: Collection[str]) -> str:
    """Return the sentences on those coefficients that were computed."""
    return "".join(sentence for name, sentence in sentences.items() if name in names)


def _within(study: StudyData, results: Sequence[Result]) -> tuple[list[Block], list[Block]]:
    """Return what the chapter shows, and what single readers did."""
    if not results:
        planned = study.design.get("repeats")
        sentence = (
            "No reader has answered a hidden repeat yet, so agreement within readers is not known."
            if planned
            else "The design has no hidden repeats, so agreement within readers is not known."
        )
        return [Notice((sentence,))], []
    everyone = [result for result in results if result.at("reader") == ALL]
    alone = [result for result in results if result.at("reader") != ALL]
    caption = (
        "Agreement of readers with themselves, from cases that were shown twice, "
        f"with {{}}.{_of(WITHIN, {r.quantity for r in results})}"
    )
    beyond: list[Block] = [
        shown(
            "agreement-within-by-reader",
            f"The same agreement of each reader, with {intervals(alone)}.",
            alone,
            {"reader": "reader", "repeated cases": "n_cases"},
            study,
            across="quantity",
            folded=len(alone) > LONG,
        )
    ]
    if not everyone:
        return beyond, []
    return [
        shown(
            "agreement-within",
            caption.format(intervals(everyone)),
            everyone,
            {"question": "question", "repeated cases": "n_cases"},
            study,
            group="",
            across="quantity",
        )
    ], beyond
