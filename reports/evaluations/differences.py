"""Generators of pairs compared on the same subjects, two at a time."""

from collections.abc import Sequence

import pandas as pd

from evalsuite.caveats import Key, enumerated, joined
from evalsuite.records import ALPHA, Caveat, Difference, Evaluation
from evalsuite.results import DIFFERENCES, difference_rows
from reports.document import Table
from reports.evaluations.comparison import Comparison
from reports.evaluations.tables import GOOD, number
from reports.glossary import meaning, measured_on, title
from reports.readers.shown import probability

TOLD = 3  # pairs of cohorts, and numbers, that sentences name
CAPTION = (
    "How do the generators differ on the same subjects? The first less the second, with its 95 % "
    "interval; better is who differs beyond chance."
)


def difference_tables(comparison: Comparison) -> tuple[list[Table], list[Table]]:
    """Return the table of the numbers that stand for all, and that of all; none of one cohort."""
    everything = comparison.evaluation.differences
    if not everything:
        return [], []
    few = headline(everything)
    data = pd.DataFrame(difference_rows(comparison.evaluation), columns=DIFFERENCES)
    name = "evaluation-differences"
    full = _table(f"{name}-full", f"{CAPTION} All numbers.", everything, data)
    return ([_table(name, CAPTION, few)] if few else []), [full]


def difference_sentences(evaluation: Evaluation) -> list[str]:
    """Say which generator is better by which of the numbers that stand for all."""
    few = headline(evaluation.differences)
    pairs = list(dict.fromkeys((one.first, one.second) for one in few))
    if len(pairs) > TOLD:
        found = sum(bool(one.better) for one in few)
        return [
            (
                f"Of {len(few)} comparisons of two generators on the same subjects {found} show a "
                "difference beyond chance."
            )
        ]
    sentences = []
    for first, second in pairs:
        own = [one for one in few if (one.first, one.second) == (first, second)]
        for better, worse in ((first, second), (second, first)):
            if by := [title(one) for one in own if one.better == better]:
                more = [f"{len(by) - TOLD} more numbers"] if len(by) > TOLD else []
                told = enumerated([*by[:TOLD], *more])
                sentences.append(
                    f"On the same subjects {better} is better than {worse} by {told} (corrected "
                    f"p < {ALPHA:g})."
                )
        if not any(one.better for one in own):
            sentences.append(
                f"On the same subjects no difference between {first} and {second} was found, "
                "which does not prove that there is none."
            )
    return sentences


def headline(differences: Sequence[Difference]) -> list[Difference]:
    """Return those of the few numbers that stand for all: of whole volumes, and of label maps."""
    return [
        one
        for one in differences
        if meaning(one).headline and (not one.where or meaning(one).per == "structure")
    ]


def _table(
    name: str, caption: str, differences: Sequence[Difference], data: pd.DataFrame | None = None
) -> Table:
    alike: dict[Key, list[Caveat]] = {}
    for caveat in (caveat for one in differences for caveat in one.warnings):
        alike.setdefault(caveat.key, []).append(caveat)
    letters = {key: chr(ord("a") + place) for place, key in enumerate(alike)}
    frame = pd.DataFrame(
        {
            "number": f"{title(one)} ({measured_on(one)}; good is {GOOD[one.direction]})",
            "first": one.first,
            "second": one.second,
            "first less second": number(one),
            "p, corrected": probability(one.p_holm),
            "better": one.better or "\N{EN DASH}",
            "subjects": one.subjects,
            "notes": " ".join(f"[{letters[caveat.key]}]" for caveat in one.warnings),
        }
        for one in differences
    )
    frame = frame.drop(columns=[] if alike else ["notes"])
    methods = [f"{method[0].upper()}{method[1:]}." for method in _methods(differences)]
    notes = [f"[{letters[key]}] {joined(caveats)}" for key, caveats in alike.items()]
    folded = data is not None
    return Table(name, caption, frame, (*methods, *notes), folded, group="number", data=data)


def _methods(differences: Sequence[Difference]) -> list[str]:
    return list(dict.fromkeys(one.method for one in differences))
