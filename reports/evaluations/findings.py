"""What an evaluation found, in a few sentences."""

import math
from collections.abc import Sequence

import numpy as np

from evalsuite.caveats import enumerated
from evalsuite.ranking import nearest, preferred
from evalsuite.records import ALPHA, Estimate
from evalsuite.statistics.multiplicity import holm_adjusted
from reports.evaluations.comparison import Comparison, of_subjects
from reports.evaluations.differences import difference_sentences
from reports.evaluations.tables import number
from reports.glossary import features, meaning, title


def findings(comparison: Comparison) -> list[str]:
    """Return the few sentences that who reads nothing else has to read."""
    real = comparison.evaluation.real
    each = [f"{len(c.volumes)} of {c.name}" for c in comparison.evaluation.synthetic]
    sentences = [
        f"Synthetic volumes ({enumerated(each)}) were compared with {len(real.volumes)} real ones{of_subjects(real)}."
    ]
    whole = [e for e in comparison.evaluation.estimates if not e.group and math.isfinite(e.value)]
    sentences += _ranking(whole)
    sentences += _tests(whole)
    sentences += difference_sentences(comparison.evaluation)
    return [*sentences, *_shares(whole)]


def _ranking(estimates: Sequence[Estimate]) -> list[str]:
    """Say how far each generator is from the real cohort, and whether features agree on it."""
    by_features: dict[str, list[Estimate]] = {}
    for estimate in preferred("distance", estimates):
        by_features.setdefault(estimate.extractor, []).append(estimate)
    sentences = []
    for extractor, of_features in by_features.items():
        ranked = sorted(of_features, key=lambda e: e.value)
        what = f"{title(ranked[0])}; features: {features(extractor)}"
        where = f"Distance from the real volumes ({what})"
        sentence = f"{where}: {enumerated([f'{e.synthetic} {number(e)}' for e in ranked])}"
        if len(ranked) > 1:
            sentence += f"; {nearest(ranked)}"
        sentences.append(f"{sentence}.")
    return sentences


def _tests(estimates: Sequence[Estimate]) -> list[str]:
    """Say which generators differ from the real cohort beyond chance."""
    p_values = preferred("test", estimates)
    if not p_values:
        return []
    adjusted = holm_adjusted(np.array([e.value for e in p_values]))
    several = len({e.extractor for e in p_values}) > 1
    names = [e.synthetic + (f" on {features(e.extractor)}" if several else "") for e in p_values]
    differ = [n for n, p in zip(names, adjusted, strict=True) if p < ALPHA]
    rest = [n for n, p in zip(names, adjusted, strict=True) if p >= ALPHA]
    correction = " corrected for their number" if len(p_values) > 1 else ""
    sentences = []
    if differ:
        kinds = enumerated(
            [f"{kind} tests" for kind in sorted({e.test for e in p_values if e.test})] or ["tests"]
        )
        sentences.append(
            f"Different from the real volumes beyond chance ({kinds}{correction}, "
            f"p < {ALPHA:g}): {enumerated(differ)}."
        )
    if rest:
        sentences.append(
            f"No difference from the real volumes was found for {enumerated(rest)}, which does not "
            "prove that there is none."
        )
    return sentences


def _shares(estimates: Sequence[Estimate]) -> list[str]:
    """Say which share of volumes was flagged, beside what chance flags."""
    by_what: dict[str, list[Estimate]] = {}
    for estimate in estimates:
        if (what := meaning(estimate).flagged) and not estimate.extractor:
            by_what.setdefault(what, []).append(estimate)
    sentences = []
    for what, flagged in by_what.items():
        parts = [
            f"{_percent(e.value)} of {e.synthetic}"
            + (
                f" ({_percent(e.interval.low)} to {_percent(e.interval.high)})"
                if e.interval
                else ""
            )
            for e in flagged
        ]
        chance = flagged[0].reference
        beside = f"; of real volumes {_percent(chance)} would be" if chance is not None else ""
        sentences.append(f"{what}: {enumerated(parts)}{beside}.")
    return sentences


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
