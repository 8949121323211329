"""Clipped density and coverage: shares of good samples that outliers cannot move.

As density and coverage, but no volume counts more than once, no real outlier has a ball larger than
the median one, and both are calibrated: half of the volumes being noise makes about 0.5 of them.
"""

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.distances import MEMORY, Pairs, affordable, spans
from evalsuite.metrics.features import checked_features
from evalsuite.metrics.grouped_jackknife import METHOD, Rows, half_width, variances
from evalsuite.metrics.metric import (
    Level,
    Metric,
    UndefinedError,
    judging_options,
    on_features,
)
from evalsuite.metrics.neighbourhoods import settle
from evalsuite.metrics.subjects import Subjects, each_its_own
from evalsuite.records import Caveat, Estimate, Interval, Quantity

WORK = (
    "Salvy N, Talbot H, Thirion B. Enhanced generative model evaluation with clipped density and "
    "coverage. ICLR (2026), arXiv 2507.01761."
)
DENSITY = Quantity(
    name="clipped_density",
    title="Clipped density",
    sentence="share of synthetic volumes that lie where real ones are dense, as if the rest lay "
    "nowhere near them; outliers of either cohort hardly move it.",
    direction="higher is better",
    range="0 to 1",
    bias="calibrated by real volumes among themselves; grouped jackknife",
    chapter="overlap",
    works=(WORK,),
)
COVERAGE = replace(
    DENSITY,
    name="clipped_coverage",
    title="Clipped coverage",
    sentence="share of good volumes that would cover the real ones as well as these synthetic ones "
    "do.",
    bias="calibrated by its expectation; grouped jackknife",
)
NOT_INDEPENDENT = Caveat(
    "calibrated-for-independent",
    "Some volumes show the same subject, for which the calibration does not account.",
)
FEW_FOR_GROUPS = Caveat(
    "few-for-grouped-jackknife",
    "{real} real and {synthetic} synthetic subjects are too few for an interval.",
)


def expected_clipped_coverage(m: int, n: int, k: int) -> Float[np.ndarray, " _"]:
    """Return the mean uncalibrated coverage by 0 to n good volumes of m real ones.

    With m - 1 others and s synthetic volumes in random order of their distance, t synthetic ones
    come before the k-th real one unless there are k real ones among the first k + t - 1: a
    hypergeometric probability. 0 below k synthetic volumes.

    References:
        Salvy et al., ICLR (2026), by sums over a beta-binomial distribution.
    """
    from scipy.stats import hypergeom

    good = np.arange(k, n + 1)
    t = np.arange(1, k + 1)[:, None]
    known = hypergeom.cdf(k - 1, m - 1 + good, m - 1, k + t - 1).mean(axis=0)
    return np.concatenate([np.zeros(min(k, n + 1)), known])


def clipped(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    k: int,
    subjects: Subjects,
    *,
    memory: int = MEMORY,
) -> tuple[float, float]:
    """Return clipped density and clipped coverage.

    Args:
        real, synthetic: one row of finite features per volume, in float64.
        k: neighbours, of other subjects, that set the radius of a ball.
        subjects: whom they show.
        memory: bytes for blocks of distances.

    References:
        Salvy et al., ICLR (2026), equations 4 to 9.
    """
    m, n = len(real), len(synthetic)
    whose = torch.from_numpy(subjects.real)
    own, other = Pairs.of(real, real), Pairs.of(real, synthetic)
    side = affordable(memory, 2 * (m + n), real.shape[1])
    radii = torch.cat([_others(own, rows, whose, k)[1] for rows in spans(0, m, side)])
    balls = radii.clamp(max=_median_of_roots(radii))
    on_real, on_synthetic = torch.zeros(m).double(), torch.zeros(n).double()
    covered = 0.0
    for rows in spans(0, m, side):
        places = torch.arange(rows.start, rows.stop)
        apart, _ = _others(own, rows, whose, k)
        finite = apart.isfinite()
        settle(own, apart, places, balls[rows], rows.start)
        on_real += ((apart <= balls[rows, None]) & finite).sum(dim=0)
        apart = other.squares(rows)
        settle(other, apart, places, balls[rows], rows.start)
        on_synthetic += (apart <= balls[rows, None]).sum(dim=0)
        settle(other, apart, places, radii[rows], rows.start)
        covered += float((apart < radii[rows, None]).sum(dim=1).clamp(max=k).sum())
    usual = float((on_real / k).clamp(max=1).mean())
    dense = float((on_synthetic / k).clamp(max=1).mean()) / usual if usual > 0 else math.nan
    expected = expected_clipped_coverage(m, n, k)
    return min(dense, 1.0), float(np.searchsorted(expected, covered / (k * m)) / len(expected))


def _others(
    pairs: Pairs, rows: slice, whose: Tensor, k: int
) -> tuple[Float[Tensor, "a m"], Float[Tensor, " a"]]:
    """Return squared distances to volumes of others, and the k-th smallest of each row."""
    apart = pairs.squares(rows)
    apart.masked_fill_(whose[rows, None] == whose, torch.inf)
    return apart, pairs.nearest(rows, apart, k)[0][:, k - 1]


def _median_of_roots(squares: Float[Tensor, " m"]) -> float:
    """Return the square of the median distance: of an even number, of the mean of the middle two."""
    middle = np.sort(squares.numpy())[[(len(squares) - 1) // 2, len(squares) // 2]]
    # That of one volume is kept to the last digit: its k-th neighbour lies on the ball.
    return float(middle[0] if len(squares) % 2 else np.square(np.sqrt(middle).mean()))


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    memory: int = MEMORY,
    intervals: bool = True,
    k: Annotated[int, Field(ge=1, description="neighbours that set the radius of a ball")] = 5,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return `clipped_density` and `clipped_coverage` of the synthetic cohort.

    Higher is better, 0 to 1, no unit. Either falls in proportion to the share of bad volumes.

    Args:
        real, synthetic: one row of d features per volume.
        subjects: whom they show; by default each another.
        seed: of the groups of the jackknife.
        memory: bytes for blocks of distances, which change nothing.
        intervals: whether there are to be intervals.
        k: neighbours that set the radius of a ball.
        level: nominal coverage of the intervals.

    Raises:
        ValueError: if a cohort has no more than k volumes of other subjects, or features are not
            finite.

    References:
        Salvy et al., ICLR (2026).
    """
    subjects = subjects or each_its_own(len(real), len(synthetic))
    metric = f"Clipped density with k = {k}"
    real, synthetic = checked_features(real, synthetic, metric=metric, fewest=k + 1)
    if len(subjects.real) - np.bincount(subjects.real).max() < k:
        raise UndefinedError(
            f"{metric} needs {k} volumes of other subjects beside each real one, but too many show "
            "one subject."
        )

    def statistics(first: Rows, second: Rows) -> Float[np.ndarray, " v"]:
        some = Subjects(subjects.real[first], subjects.synthetic[second])
        return np.array(clipped(real[first], synthetic[second], k, some, memory=memory))

    values = clipped(real, synthetic, k, subjects, memory=memory)
    found = variances(statistics, subjects, seed) if intervals else None
    m, n = subjects.counts
    warnings: tuple[Caveat, ...] = (NOT_INDEPENDENT,) if subjects.unit == "subjects" else ()
    warnings += (FEW_FOR_GROUPS(real=m, synthetic=n),) if intervals and found is None else ()
    of_density = (
        "Mean over synthetic volumes of the real balls that hold each, over k and at most 1, over "
        "that of real volumes among themselves; balls no larger than the median one"
    )
    of_coverage = (
        "Mean over real volumes of the synthetic ones in the ball of each, over k and at most 1, as "
        "the share of good volumes of which it would be expected"
    )
    estimates = []
    for place, (quantity, value, method) in enumerate(
        zip((DENSITY, COVERAGE), values, (of_density, of_coverage), strict=True)
    ):
        # Without any spread between groups nothing tells how sure it is.
        known = found is not None and found[place] > 0
        half = half_width(found[place], level) if found is not None and known else math.nan
        estimates.append(
            Estimate(
                name=quantity.name,
                value=value,
                direction=quantity.direction,
                n_real=len(real),
                n_synthetic=len(synthetic),
                method=f"{method}; k = {k}; Salvy et al. 2026.",
                interval=Interval(max(0.0, value - half), min(1.0, value + half), level, METHOD)
                if known
                else None,
                standard_error=math.sqrt(found[place]) if found is not None and known else None,
                warnings=warnings,
            )
        )
    return estimates


METRIC = Metric(
    name="clipped",
    summary="clipped density and coverage: shares of good volumes that outliers do not move",
    needs=("features", "subjects"),
    compute=on_features(compute),
    quantities=(DENSITY, COVERAGE),
    methods="Fidelity and variety that outliers do not move were measured by clipped density and "
    "clipped coverage {clipped_density}",
)
