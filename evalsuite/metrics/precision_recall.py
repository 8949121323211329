"""Precision and recall, density and coverage: fidelity and diversity as two numbers, not one.

Each asks of volumes of one cohort whether they lie in balls around volumes of a cohort, whose
radius is the distance from the centre to its k-th nearest neighbour in the centre's own cohort.
"""

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from scipy.special import betaincinv, stdtrit
from torch import Tensor

from evalsuite.metrics.distances import MEMORY
from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Metric, UndefinedError, judging_options, on_features
from evalsuite.metrics.neighbourhoods import (
    KYNKAANNIEMI,
    WithVariance,
    coverage,
    neighbourhoods,
    precision,
)
from evalsuite.metrics.subjects import Subjects, count, each_its_own
from evalsuite.records import Caveat, Estimate, Interval, Quantity

FEW = 50
LEVEL = 0.95
NAEEM = (
    "Naeem MF, et al. Reliable fidelity and diversity metrics for generative models. ICML (2020)."
)


def expected_coverage(real: int, synthetic: int, k: int) -> float:
    """Return the mean coverage if both cohorts come from one continuous distribution.

    It does not depend on the distribution.

    References:
        Naeem et al., ICML (2020), equation 9.
    """
    uncovered = ((real - i) / (real + synthetic - i) for i in range(1, k + 1))
    return 1 - math.prod(uncovered)


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    memory: int = MEMORY,
    k: Annotated[int, Field(ge=1, description="neighbours that set the radius of a ball")] = 5,
) -> list[Estimate]:
    """Return `precision`, `recall`, `density` and `coverage` of the synthetic cohort.

    Higher is better for all four, no unit. Precision (do synthetic volumes look real?), recall (do
    they reach all that is real?) and coverage are in [0, 1]. Density is 0 or more, 1 in expectation
    for a perfect generator; more means that synthetic volumes crowd where real ones are dense.
    Precision, recall and coverage depend on the sizes of the cohorts, so compare generators at
    equal sizes. One volume repeated has a high precision or none, and a recall of about 0.

    Intervals cover the expectation of the statistic for cohorts of these sizes, both drawn anew.

    Args:
        real, synthetic: one row of d features per volume.
        seed: not used, nothing is random here.
        memory: bytes for blocks of distances, which change nothing.
        k: neighbours that set the radius of a ball.

    Raises:
        ValueError: if a cohort has no more than k volumes, k < 1, or features are not finite.

    References:
        Kynkaanniemi et al., NeurIPS 32 (2019); Naeem et al., ICML (2020).
    """
    del seed
    m, n = len(real), len(synthetic)
    subjects = subjects or each_its_own(m, n)
    metric = f"The precision and recall metric with k = {k}"
    real, synthetic = checked_features(real, synthetic, metric=metric, fewest=k + 1)
    for role, whose in (("real", subjects.real), ("synthetic", subjects.synthetic)):
        if len(whose) - np.bincount(whose).max() < k:
            raise UndefinedError(
                f"{metric} needs {k} volumes of other subjects beside each, but too many of the "
                f"{role} ones show one subject."
            )
    around_real = neighbourhoods(real, k, subjects.real, memory=memory)
    around_synthetic = neighbourhoods(synthetic, k, subjects.synthetic, memory=memory)
    precise, dense = precision(real, around_real, synthetic, subjects.synthetic, memory=memory)
    recalled, _ = precision(synthetic, around_synthetic, real, subjects.real, memory=memory)
    covered = coverage(real, around_real, synthetic, subjects, memory=memory)
    repeated = subjects.unit == "subjects"

    warnings = [
        *_few(subjects),
        *_empty_balls(around_real.squares, "real", k),
        *_empty_balls(around_synthetic.squares, "synthetic", k),
    ]
    balls = (
        f"open balls out to the {k}-th nearest neighbour{' of another subject' if repeated else ''}, "
        "Euclidean distance of raw features"
    )
    expected = (
        ""
        if repeated
        else f"; expected {expected_coverage(m, n, k):.4f} at these sizes if both cohorts have one"
        " distribution"
    )
    # With too few volumes there is no next neighbour for a ball to grow to.
    known = all(
        bool(around.grown.squares.isfinite().all()) for around in (around_real, around_synthetic)
    )

    def estimate(
        name: str, measured: WithVariance, points: Int[np.ndarray, " p"], method: str
    ) -> Estimate:
        make = _density_interval if name == "density" else _proportion_interval
        # A density of 0, or of the same in every volume, has no spread to make an interval of.
        flat = name == "density" and measured.variance == 0
        return Estimate(
            name=name,
            value=measured.value,
            direction=_SHARE.direction,
            n_real=m,
            n_synthetic=n,
            method=method,
            interval=make(measured, points) if known and not flat else None,
            standard_error=math.sqrt(measured.variance) if known and not flat else None,
            warnings=(*warnings, *([_NO_SPREAD] if flat else [])),
        )

    return [
        estimate(
            "precision",
            precise,
            subjects.synthetic,
            f"Fraction of synthetic volumes in the {balls} of real ones; Kynkaanniemi et al. 2019.",
        ),
        estimate(
            "recall",
            recalled,
            subjects.real,
            f"Fraction of real volumes in the {balls} of synthetic ones; Kynkaanniemi et al. 2019.",
        ),
        estimate(
            "density",
            dense,
            subjects.synthetic,
            f"Mean number of real volumes whose {balls} hold a synthetic one, over {k}; expected 1"
            " if both cohorts have one distribution; Naeem et al. 2020.",
        ),
        estimate(
            "coverage",
            covered,
            subjects.real,
            f"Fraction of real volumes whose {balls} hold a synthetic one{expected}; Naeem et al."
            " 2020.",
        ),
    ]


def _proportion_interval(measured: WithVariance, subjects: Int[np.ndarray, " p"]) -> Interval:
    """Return Clopper and Pearson's interval at the number of independent points of this variance.

    Never more than there are points; as many as there are subjects where the fraction is 0 or 1.
    Wilson's held the truth in as few as 88 % where nearly all points are hits.

    References:
        Korn and Graubard, Survey Methodology 24 (1998), 193-201.
    """
    points, S = len(subjects), count(subjects)
    spread = measured.value * (1 - measured.value)
    effective = min(points, spread / measured.variance) if spread > 0 else S
    # What is known from few subjects is known less well.
    quantiles = stdtrit([points - 1, S - 1], (1 + LEVEL) / 2)
    effective *= (quantiles[0] / quantiles[1]) ** 2
    hits, tail = measured.value * effective, (1 - LEVEL) / 2
    misses = effective - hits
    return Interval(
        low=0.0 if measured.value == 0 else float(betaincinv(hits, misses + 1, tail)),
        high=1.0 if measured.value == 1 else float(betaincinv(hits + 1, misses, 1 - tail)),
        level=LEVEL,
        method="Clopper-Pearson, at the effective sample size of a jackknife over both cohorts",
    )


_NO_SPREAD = Caveat(
    "constant-density", "There is no interval: the density does not differ between volumes."
)
_ROUGH = Caveat(
    "few-for-balls",
    f"Only {{real}} real and {{synthetic}} synthetic {{unit}}: below {FEW} of each, the balls fill "
    "the space between volumes poorly and the values are rough.",
)
_UNEQUAL = Caveat(
    "cohorts-of-unequal-size",
    "The cohorts differ in size ({real} real, {synthetic} synthetic), which alone moves precision, "
    "recall and coverage: compare only with values at the same sizes.",
)
_EMPTY = Caveat(
    "empty-balls",
    "{empty} of {n} {role} volumes have at least {k} exact copies by their features: their balls "
    "have no extent and hold nothing.",
)


def _density_interval(measured: WithVariance, subjects: Int[np.ndarray, " p"]) -> Interval:
    half = float(stdtrit(count(subjects) - 1, (1 + LEVEL) / 2)) * math.sqrt(measured.variance)
    return Interval(
        low=max(measured.value - half, 0.0),
        high=measured.value + half,
        level=LEVEL,
        method="t interval, jackknife over both cohorts",
    )


def _few(subjects: Subjects) -> list[Caveat]:
    (real, synthetic), unit = subjects.counts, subjects.unit
    found = []
    if min(real, synthetic) < FEW:
        found.append(_ROUGH(real=real, synthetic=synthetic, unit=unit))
    real, synthetic = len(subjects.real), len(subjects.synthetic)
    if max(real, synthetic) > 2 * min(real, synthetic):
        found.append(_UNEQUAL(real=real, synthetic=synthetic))
    return found


def _empty_balls(squares: Float[Tensor, " c"], role: str, k: int) -> list[Caveat]:
    empty = int((squares == 0).sum())
    if empty == 0:
        return []
    return [_EMPTY(empty=empty, n=len(squares), role=role, k=k)]


_SHARE = Quantity(
    name="precision",
    title="Precision",
    sentence="share of synthetic volumes that lie among real ones; low if many look like no real "
    "volume.",
    direction="higher is better",
    range="0 to 1",
    bias="falls with n; jackknife and Clopper-Pearson",
    chapter="overlap",
    works=(KYNKAANNIEMI,),
    by_group=True,
)
QUANTITIES = (
    replace(_SHARE, headline=True),
    replace(
        _SHARE,
        name="recall",
        headline=True,
        title="Recall",
        sentence="share of real volumes that lie among synthetic ones; low if kinds of real "
        "volumes are never generated.",
        by_group=False,
    ),
    replace(
        _SHARE,
        name="density",
        title="Density",
        sentence="how thickly real volumes surround the synthetic ones; about 1 if the cohorts are "
        "alike, and it may be more.",
        range="0 to ∞",
        bias="robust to outliers; jackknife",
        works=(NAEEM,),
        by_group=False,
    ),
    replace(
        _SHARE,
        name="coverage",
        title="Coverage",
        sentence="share of real volumes that have a synthetic one in their neighbourhood.",
        bias="robust to outliers; jackknife and Clopper-Pearson",
        works=(NAEEM,),
    ),
)
METRIC = Metric(
    name="precision_recall",
    summary="precision, recall, density and coverage: fidelity and diversity apart",
    needs=("features", "subjects"),
    compute=on_features(compute),
    quantities=QUANTITIES,
    methods="Fidelity and variety were told apart by precision and recall {precision} and by "
    "density and coverage {density}",
)
