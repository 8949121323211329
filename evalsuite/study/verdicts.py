"""What came of the plan of a study: each endpoint at its level, and what that shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from evalsuite.records import Caveat
from evalsuite.statistics.result import NAN, Result
from evalsuite.study.protocol.plan import Endpoint, Plan

if TYPE_CHECKING:
    import pandas as pd

Measured = Callable[[Endpoint, float], Result]  # an endpoint with its interval of that coverage
UNANSWERED = Caveat("endpoint-unanswered", "The answers that this endpoint needs are not there.")
REPLICATES = 2000  # of the bootstrap of agreement


@dataclass(frozen=True, slots=True)
class Verdict:
    """One endpoint of a plan and what came of it.

    Args:
        endpoint: as planned.
        role: which one it is.
        result: its number with the interval of coverage 1 - 2 alpha, by which it was judged.
        alpha: one-sided level at which it was tested.
        shown: whether the interval lies where the hypothesis says; None without an interval.
        confirmatory: whether the plan lets it count, and not only explore.
    """

    endpoint: Endpoint
    role: Literal["primary", "secondary"]
    result: Result
    alpha: float
    shown: bool | None
    confirmatory: bool

    @property
    def word(self) -> str:
        """`shown`, `not shown`, or `cannot be told`."""
        return {True: "shown", False: "not shown", None: "cannot be told"}[self.shown]


def judged(
    plan: Plan, table: "pd.DataFrame", points: Mapping[str, int] | None = None
) -> list[Verdict]:
    """Return what a study shows of its plan, in the order of the plan.

    Args:
        plan: of its design.
        table: its long table with scales, with the truth.
        points: by question, how many options it offers.
    """
    return judge(plan, lambda endpoint, level: measured(endpoint, table, level, points))


def judge(plan: Plan, measure: Measured) -> list[Verdict]:
    """Return the verdict on every endpoint of a plan.

    A hypothesis is shown at the one-sided level alpha where the interval of coverage 1 - 2 alpha
    lies within its ends: one one-sided test for superiority and non-inferiority, two of them for
    equivalence (Schuirmann 1987). Secondary endpoints wait for the primary one, so the level of
    the whole plan is alpha. Holm's method: all that are left are tested at alpha divided by their
    number, until none more is shown, which rejects what Holm's corrected p-values reject.

    Args:
        plan: of the design.
        measure: gives an endpoint with its interval of a coverage.

    References:
        Holm, Scandinavian Journal of Statistics 6 (1979) 65-70. Dmitrienko and D'Agostino,
        Statistics in Medicine 32 (2013) 5172-5218: serial gatekeeping.
    """

    def tested(endpoint: Endpoint, alpha: float, *, counts: bool) -> Verdict:
        result = measure(endpoint, 1 - 2 * alpha)
        role: Literal["primary", "secondary"] = (
            "primary" if endpoint == plan.primary else "secondary"
        )
        return Verdict(
            endpoint, role, result, alpha, endpoint.shown_by(result.low, result.high), counts
        )

    primary = tested(plan.primary, plan.alpha, counts=True)
    gate = bool(primary.shown) and plan.multiplicity != "none"
    if plan.multiplicity == "holm" and gate:
        return [primary, *_holm(plan, tested)]
    verdicts = [primary]
    for endpoint in plan.secondary:
        verdicts.append(tested(endpoint, plan.alpha, counts=gate))
        gate = gate and bool(verdicts[-1].shown)
    return verdicts


def _holm(plan: Plan, tested: Callable[..., Verdict]) -> list[Verdict]:
    """Return the secondary endpoints, each at the level of the last step that it was in."""
    found: dict[Endpoint, Verdict] = {}
    left: Sequence[Endpoint] = plan.secondary
    while left:
        step = {e: tested(e, plan.alpha / len(left), counts=True) for e in left}
        found |= step
        further = [e for e in left if not step[e].shown]
        if len(further) == len(left):
            break
        left = further
    return [found[endpoint] for endpoint in plan.secondary]


def measured(
    endpoint: Endpoint,
    table: "pd.DataFrame",
    level: float,
    points: Mapping[str, int] | None = None,
) -> Result:
    """Return the number of an endpoint with its interval of a coverage.

    Args:
        endpoint: of a plan.
        table: the long table of the study with scales, with the truth.
        level: coverage.
        points: by question, how many options it offers.
    """
    asked = table[table["question"] == endpoint.question]
    results = _MEASURES[endpoint.figure](asked, level, points) if len(asked) else []
    for result in results:
        cohort = result.where.get("treatment", result.where.get("second", endpoint.cohort))
        if endpoint.cohort in (None, cohort):
            return result
    return Result(
        where={"question": endpoint.question}, value=NAN, level=level, warnings=(UNANSWERED,)
    )


def _areas(
    table: "pd.DataFrame", level: float, points: Mapping[str, int] | None
) -> Sequence[Result]:
    from evalsuite.statistics.roc.merits import auc_merits
    from evalsuite.statistics.roc.mrmc import obuchowski_rockette
    from evalsuite.statistics.roc.readings import turing_readings

    (readings,) = turing_readings(table, points)
    return obuchowski_rockette(auc_merits(readings), level=level).treatments


def _choices(table: "pd.DataFrame", level: float) -> Sequence[Result]:
    from evalsuite.statistics.roc.choice import choice_merits, choices
    from evalsuite.statistics.roc.mrmc import obuchowski_rockette

    (pairs,) = choices(table)
    return obuchowski_rockette(choice_merits(pairs), level=level).treatments


def _differences(
    table: "pd.DataFrame", level: float, points: Mapping[str, int] | None
) -> Sequence[Result]:
    from evalsuite.statistics.ratings.comparison import differences

    return differences(table, points=points, level=level)


def _agreements(
    table: "pd.DataFrame", level: float, points: Mapping[str, int] | None
) -> Sequence[Result]:
    from evalsuite.statistics.agreement.between import agreement_between_readers

    results = agreement_between_readers(table, points=points, level=level, replicates=REPLICATES)
    alphas = [r for r in results if r.quantity.startswith("Krippendorff alpha")]
    return [replace(result, where={"question": result.at("question")}) for result in alphas]


_MEASURES: dict[
    str, Callable[["pd.DataFrame", float, Mapping[str, int] | None], Sequence[Result]]
] = {
    "auc": _areas,
    "choice": lambda table, level, _points: _choices(table, level),
    "difference": _differences,
    "agreement": _agreements,
}
