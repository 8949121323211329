"""What captions and verdicts claim: of whom an interval speaks, and which p-value decides."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalsuite.records import Caveat
from evalsuite.statistics.result import Result

ALPHA = 0.05  # of a whole family of tests
TWO = 2
SPEAKS = {
    "cases": Caveat("for-other-cases", "The interval is for other cases and {readers} only."),
    "readers": Caveat("for-other-readers", "The interval is for other readers."),
}
SINGLE = "the intervals are of single comparisons and not corrected"


def samples(results: Iterable[Result]) -> set[str]:
    """Return what intervals take as a random sample."""
    return {result.random for result in results if result.bounded}


def intervals(results: Sequence[Result]) -> str:
    """Return what the intervals of a table are and of whom they speak, as it was computed."""
    known = [result for result in results if result.bounded]
    of = samples(known)
    if not of:
        return "no intervals, for the reasons that are told"
    claim = f"{100 * known[0].level:g} % intervals"
    if of == {"cases"}:
        return f"{claim} for other cases and {_these(known)} only"
    if of == {"readers"}:
        return f"{claim} for other readers"
    if of == {"cases", "readers"}:
        return f"{claim} (the notes say for whom)"
    claim += " for other readers and other cases"
    if len(of) > 1:
        claim += ", but where a note says for whom"
    if max(result.counts.get("readers", 0) for result in known) == TWO:
        claim += " (two readers tell little of others)"
    return claim


def uncorrected(results: Sequence[Result]) -> str:
    """Return the same for a picture, in which no p-value stands beside the intervals."""
    return intervals(results) + (", not corrected for their number" if samples(results) else "")


def noted(results: Sequence[Result]) -> Sequence[Result]:
    """Return results whose warnings say of whom an interval speaks, where captions do not."""
    if len(samples(results)) < TWO:
        return results
    return [
        replace(result, warnings=(*result.warnings, SPEAKS[result.random](
            readers=_these([result])
        )))
        if result.bounded and result.random in SPEAKS else result
        for result in results
    ]  # fmt: skip


def correction(results: Iterable[Result]) -> str:
    """Return what the p-values of a table are, where more than one was corrected."""
    if not any(result.p_holm > result.p for result in results):
        return ""
    return f" p is corrected for the number of comparisons (Holm); {SINGLE}."


def chance(result: Result, otherwise: str) -> str:
    """Return the verdict on one comparison by its corrected p-value, in brackets.

    Args:
        otherwise: what it may be where chance is not ruled out.
    """
    from reports.readers.shown import compared

    p = result.p_holm
    if not math.isfinite(p):
        return ""
    return f" ({compared(p)})" if p < ALPHA else f" (may be {otherwise}, {compared(p)})"


def _these(results: Sequence[Result]) -> str:
    """Return how the readers of results without random readers are called."""
    one = max(result.counts.get("readers", 1) for result in results) == 1
    return "this reader" if one else "these readers"
