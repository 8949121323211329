"""Two-alternative forced choice: how often readers find the real one of a pair."""

import math

from evalsuite.statistics.roc.choice import Choices, choice_merits, reader_choices
from evalsuite.statistics.roc.mrmc import MultiReader, obuchowski_rockette
from reports.document import Block, Section, Text
from reports.readers.claims import ALPHA, correction, intervals
from reports.readers.results import StudyResults
from reports.readers.shown import shown, told
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
        Text((READ, *_margin(study, pairs))),
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
    title = "Which of the two is real?" + (f" ({pairs.question})" if place else "")
    return Section(f"choice{suffix}", title, tuple(blocks))


def _margin(study: StudyData, pairs: Choices) -> list[str]:
    """Say for each cohort whether readers are shown to guess, within the margin of the design."""
    margin = (study.design.get("margins") or {}).get(pairs.question)
    if margin is None:
        return []
    # Two one-sided tests at 5 % are the interval of 90 % (Schuirmann 1987), over several cohorts
    # after Bonferroni.
    level = 1 - 2 * ALPHA / len(pairs.treatments)
    shares = obuchowski_rockette(choice_merits(pairs), level=level).treatments
    sentences = []
    for share in shares:
        if not (math.isfinite(share.low) and math.isfinite(share.high)):
            continue
        within = share.low > 0.5 - margin and share.high < 0.5 + margin
        sentences.append(
            f"The design called a share within {margin:g} of 0.5 as good as guessing: for "
            f"{share.at('treatment')} this is {'shown' if within else 'not shown'}, the "
            f"{100 * level:.3g} % interval "
            f"{'' if len(shares) == 1 else '(90 % over all cohorts together) '}being {told(share)}."
        )
    return sentences
