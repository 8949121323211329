"""What an evaluation found, in a few sentences."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from evalsuite.caveats import enumerated
from evalsuite.records import Estimate
from evalsuite.statistics.multiplicity import holm_adjusted
from reports.document import cell
from reports.evaluations.comparison import Comparison, of_subjects
from reports.glossary import features, meaning, ranks, title

ALPHA = 0.05


def findings(comparison: Comparison) -> list[str]:
    """Return the few sentences that who reads nothing else has to read."""
    real = comparison.evaluation.real
    each = [f"{len(c.volumes)} of {c.name}" for c in comparison.evaluation.synthetic]
    told = [
        f"Synthetic volumes ({enumerated(each)}) were compared with {len(real.volumes)} real ones{of_subjects(real)}."
    ]
    whole = [e for e in comparison.evaluation.estimates if not e.group and math.isfinite(e.value)]
    told += _ranking(whole)
    told += _tests(whole)
    return [*told, *_shares(whole)]


def _ranking(estimates: Sequence[Estimate]) -> list[str]:
    """Say how far each generator is from the real cohort, and whether features agree on it."""
    by_features: dict[str, list[Estimate]] = {}
    for estimate in _preferred("distance", estimates):
        by_features.setdefault(estimate.extractor, []).append(estimate)
    told = []
    for extractor, own in by_features.items():
        ranked = sorted(own, key=lambda e: e.value)
        what = f"{title(ranked[0])}; features: {features(extractor)}"
        where = f"Distance from the real volumes ({what})"
        sentence = f"{where}: {enumerated([f'{e.synthetic} {_told(e)}' for e in ranked])}"
        if len(ranked) > 1:
            sentence += f"; {_nearest(ranked)}"
        told.append(f"{sentence}.")
    return told


def _preferred(role: Literal["distance", "test"], estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return those of the first declared quantity with this role, of whole volumes."""
    own = [e for e in estimates if meaning(e).role == role and not e.where]
    first = min(map(ranks, own), default=0)
    return [e for e in own if ranks(e) == first]


def _tests(estimates: Sequence[Estimate]) -> list[str]:
    """Say which generators differ from the real cohort beyond chance."""
    own = _preferred("test", estimates)
    if not own:
        return []
    adjusted = holm_adjusted(np.array([e.value for e in own]))
    several = len({e.extractor for e in own}) > 1
    names = [e.synthetic + (f" on {features(e.extractor)}" if several else "") for e in own]
    differ = [n for n, p in zip(names, adjusted, strict=True) if p < ALPHA]
    rest = [n for n, p in zip(names, adjusted, strict=True) if p >= ALPHA]
    correction = " corrected for their number" if len(own) > 1 else ""
    told = []
    if differ:
        kinds = enumerated(
            [f"{kind} tests" for kind in sorted({e.test for e in own if e.test})] or ["tests"]
        )
        told.append(
            f"Different from the real volumes beyond chance ({kinds}{correction}, "
            f"p < {ALPHA:g}): {enumerated(differ)}."
        )
    if rest:
        told.append(
            f"No difference from the real volumes was found for {enumerated(rest)}, which does not "
            "prove that there is none."
        )
    return told


def _shares(estimates: Sequence[Estimate]) -> list[str]:
    """Say which share of volumes was flagged, beside what chance flags."""
    by_what: dict[str, list[Estimate]] = {}
    for estimate in estimates:
        if (what := meaning(estimate).flagged) and not estimate.extractor:
            by_what.setdefault(what, []).append(estimate)
    told = []
    for what, own in by_what.items():
        parts = [
            f"{_percent(e.value)} of {e.synthetic}"
            + (
                f" ({_percent(e.interval.low)} to {_percent(e.interval.high)})"
                if e.interval
                else ""
            )
            for e in own
        ]
        chance = own[0].reference
        beside = f"; of real volumes {_percent(chance)} would be" if chance is not None else ""
        told.append(f"{what}: {enumerated(parts)}{beside}.")
    return told


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _nearest(ranked: Sequence[Estimate]) -> str:
    """Say which is nearest, if its interval is apart from all others."""
    first = ranked[0]
    rivals = [e.synthetic for e in ranked[1:] if not _apart(first, e)]
    if rivals:
        return f"which of {enumerated([first.synthetic, *rivals])} is nearest cannot be said"
    return f"{first.synthetic} is nearest"


def _apart(first: Estimate, second: Estimate) -> bool:
    one, two = first.interval, second.interval
    return bool(one and two and one.high < two.low)


def _told(estimate: Estimate) -> str:
    interval = estimate.interval
    if interval is None or not math.isfinite(interval.low) or not math.isfinite(interval.high):
        return cell(estimate.value)
    return f"{cell(estimate.value)} ({cell(interval.low)} to {cell(interval.high)})"
