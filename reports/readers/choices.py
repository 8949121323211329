"""Two-alternative forced choice: how often readers find the real one of a pair."""

import math

from evalsuite.statistics.roc.choice import Choices, choice_merits, choices, reader_choices
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from reports.document import Block, Section, Text
from reports.readers.claims import ALPHA, correction, intervals
from reports.readers.shown import computed, interval, shown
from reports.sources import StudyData

READ = (
    "Each reader saw a real and a synthetic case side by side and said which is the real one. A "
    "share of right choices of 0.5 is guessing. It is an estimate of the area under the ROC curve, "
    "and free of how readily a reader calls a case synthetic."
)


def forced_choices(study: StudyData) -> list[Section]:
    """Return one chapter for each question asked of pairs.

    Args:
        study: with the truth.
    """
    return [_section(study, found, place) for place, found in enumerate(choices(study.table))]


def _section(study: StudyData, found: Choices, place: int) -> Section:
    suffix = f"-{found.question}" if place else ""
    merits = choice_merits(found)
    alone = reader_choices(found)
    overall = obuchowski_rockette(merits, scale="logit").treatments
    blocks: list[Block] = [
        Text((READ, *_margin(study, found))),
        shown(
            f"choice{suffix}",
            "Share of pairs in which the real case was found, mean of all readers, with "
            f"{intervals(overall)}; p is for guessing (0.5).{correction(overall)}",
            overall,
            {
                "treatment": "synthetic cohort",
                "estimate": "share (95 % interval)",
                "p_holm": "p, corrected",
                "n_readers": "readers",
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
                "estimate": "share (95 % interval)",
                "p_holm": "p, corrected",
                "n_pairs": "pairs",
            },
            study,
            group="treatment",
        ),
    ]
    blocks += computed(blocks)
    title = "Which of the two is real?" + (f" ({found.question})" if place else "")
    return Section(f"choice{suffix}", title, tuple(blocks))


def _margin(study: StudyData, found: Choices) -> list[str]:
    """Say for each cohort whether readers are shown to guess, within the margin of the design."""
    margin = (study.design.get("margins") or {}).get(found.question)
    if margin is None:
        return []
    # Two one-sided tests at 5 % are the interval of 90 % (Schuirmann 1987), over several cohorts
    # after Bonferroni.
    level = 1 - 2 * ALPHA / len(found.treatments)
    rows = obuchowski_rockette(choice_merits(found), scale="logit", level=level).treatments
    told = []
    for cohort, value, low, high in rows[["treatment", "estimate", "low", "high"]].itertuples(
        index=False
    ):
        if not (math.isfinite(low) and math.isfinite(high)):
            continue
        within = low > 0.5 - margin and high < 0.5 + margin
        told.append(
            f"The design called a share within {margin:g} of 0.5 as good as guessing: for {cohort} "
            f"this is {'shown' if within else 'not shown'}, the {100 * level:.3g} % interval "
            f"{'' if len(rows) == 1 else '(90 % over all cohorts together) '}being "
            f"{interval(value, low, high)}."
        )
    return told
