"""Two-alternative forced choice: how often readers find the real one of a pair."""

from evalsuite.statistics.roc.choice import Choices, choice_merits, reader_choices
from evalsuite.statistics.roc.mrmc import MultiReader
from reports.document import Block, Section, Text
from reports.readers.claims import correction, intervals
from reports.readers.guessing import guessing_tables
from reports.readers.results import StudyResults
from reports.readers.shown import shown
from reports.readers.variants import variant_tables
from reports.sources import StudyData

READ = (
    "Each reader saw a real and a synthetic case side by side and said which is the real one. A "
    "share of right choices of 0.5 is guessing. It is an estimate of the area under the ROC curve, "
    "and free of how readily a reader calls a case synthetic."
)


def forced_choices(results: StudyResults) -> list[Section]:
    """Return one chapter for each question asked of pairs.

    Args:
        results: of a study with the truth.
    """
    return [
        _section(results.study, pairs, analysis, place)
        for place, (pairs, analysis) in enumerate(results.chosen)
    ]


def _section(study: StudyData, pairs: Choices, analysis: MultiReader, place: int) -> Section:
    suffix = f"-{pairs.question}" if place else ""
    alone, overall = reader_choices(pairs), analysis.treatments
    blocks: list[Block] = [
        Text((READ,)),
        shown(
            f"choice{suffix}",
            "Share of pairs in which the real case was found, mean of all readers, with "
            f"{intervals(overall)}; p is for guessing (0.5).{correction(overall)}",
            overall,
            {
                "synthetic cohort": "treatment",
                "share (95 % interval)": "value",
                "p, corrected": "p_holm",
                "readers": "n_readers",
            },
            study,
            group="",
        ),
        shown(
            f"choice-readers{suffix}",
            f"The same for each reader, with exact {intervals(alone)}.{correction(alone)}",
            alone,
            {
                "reader": "reader",
                "share (95 % interval)": "value",
                "p, corrected": "p_holm",
                "pairs": "n_pairs",
            },
            study,
            group="treatment",
        ),
    ]
    merits, margin = choice_merits(pairs), (study.design.get("margins") or {}).get(pairs.question)
    blocks += guessing_tables(study, merits, margin, f"choice-equivalence{suffix}", "share")
    beyond = variant_tables(study, analysis.variants, f"choice-variants{suffix}", "share")
    title = "Which of the two is real?" + (f" ({pairs.question})" if place else "")
    return Section(f"choice{suffix}", title, tuple(blocks), tuple(beyond))
