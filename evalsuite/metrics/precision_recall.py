"""Precision and recall, density and coverage: fidelity and diversity as two numbers, not one.

Each asks of volumes of one cohort whether they lie in balls around volumes of a cohort, whose
radius is the distance from the centre to its k-th nearest neighbour in the centre's own cohort.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from scipy import stats
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Metric, UndefinedError, judging_options
from evalsuite.metrics.subjects import Subjects, count, each_its_own
from evalsuite.records import Caveat, Estimate, Interval

FEW_VOLUMES = 50
LEVEL = 0.95


class Left(NamedTuple):
    """What changes around the volumes of a cohort once one of its subjects is left out.

    Args:
        members: the volumes of the subject, whose balls vanish.
        rows: volumes of other subjects that had one of them among their k nearest.
        radii: the new radii of those; infinite where too few volumes are left.
    """

    members: Int[Tensor, " s"]
    rows: Int[Tensor, " r"]
    radii: Float[Tensor, " r"]


class Balls(NamedTuple):
    """The neighbourhoods of the volumes of one cohort, among volumes of other subjects.

    Args:
        k: neighbours that set the radius.
        radii: distance to the k-th nearest volume of another subject.
        without: for each subject, what changes once it is left out.
    """

    k: int
    radii: Float[Tensor, " c"]
    without: list[Left]


class Measured(NamedTuple):
    """A statistic and its variance when both cohorts are drawn anew."""

    value: float
    variance: float


def distances(first: Float[Tensor, "a d"], second: Float[Tensor, "b d"]) -> Float[Tensor, "a b"]:
    """Return Euclidean distances, exactly 0 between equal rows (no |a|^2 - 2ab + |b|^2)."""
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")


def neighbourhoods(features: Float[Tensor, "c d"], k: int, subjects: Int[np.ndarray, "c"]) -> Balls:
    """Return the balls around each row.

    Another volume of the same subject is no neighbour: it is near because it shows the same person,
    and would shrink the ball.
    """
    whose = torch.from_numpy(subjects)
    apart = distances(features, features)
    apart.masked_fill_(whose[:, None] == whose[None, :], math.inf)
    largest = int(whose.bincount().max())
    nearest = apart.topk(min(k + largest, len(features)), largest=False)
    others = whose[nearest.indices]
    affected = torch.unique(torch.stack([others[:, :k].flatten(), _rows(len(features), k)]), dim=1)
    cuts = torch.bincount(affected[0], minlength=int(whose.max()) + 1).tolist()
    left = []
    for subject, rows in enumerate(affected[1].split(cuts)):
        kept = others[rows] != subject
        place = kept & (kept.cumsum(dim=1) == k)
        radii = nearest.values[rows].masked_fill(~place, math.inf).amin(dim=1)
        left.append(Left((whose == subject).nonzero().flatten(), rows, radii))
    return Balls(k, nearest.values[:, k - 1], left)


def _rows(count: int, k: int) -> Int[Tensor, " _"]:
    return torch.arange(count).repeat_interleave(k)


def precision(
    to_points: Float[Tensor, "c p"], balls: Balls, subjects: Int[np.ndarray, "p"]
) -> tuple[Measured, Measured]:
    """Return the fraction of points in any ball, and the mean number of balls on a point over k.

    With real centres and synthetic points these are precision and density; with synthetic centres
    and real points the first is recall. Balls are open: a point at the distance of the radius is
    outside, so that cohorts of the same distinct volumes have 1 for both.

    Args:
        to_points: distances from the centres (rows) to the points (columns).
        balls: around the centres.
        subjects: of the points.

    References:
        Kynkaanniemi et al., NeurIPS 32 (2019), equations 1 and 2; Naeem et al., ICML (2020),
        equation 3 (density).
    """
    inside = (to_points < balls.radii[:, None]).double()
    # A subject left out takes its balls away, and the balls of those it was near to grow.
    change = torch.stack(
        [
            (to_points[rows] < radii[:, None]).double().sum(dim=0)
            - inside[rows].sum(dim=0)
            - inside[members].sum(dim=0)
            for members, rows, radii in balls.without
        ]
    )
    count = inside.sum(dim=0)
    hit = (count > 0).double()
    hit_change = (count + change > 0).double() - hit
    unaffected = to_points.new_zeros(0, len(count))
    k = balls.k
    return (
        Measured(hit.mean().item(), jackknife_variance(hit, hit_change, unaffected, subjects)),
        Measured(
            count.mean().item() / k,
            jackknife_variance(count / k, change / k, unaffected, subjects),
        ),
    )


def coverage(to_points: Float[Tensor, "c p"], balls: Balls, subjects: Subjects) -> Measured:
    """Return the fraction of real volumes with a synthetic one in their ball.

    Args:
        to_points: distances from the real (rows) to the synthetic volumes (columns).
        balls: around the real volumes.
        subjects: of both.

    References:
        Naeem et al., ICML (2020), equation 4.
    """
    whose = torch.from_numpy(subjects.synthetic)
    first, place = to_points.min(dim=1)
    owner = whose[place]
    second = to_points.masked_fill(whose[None, :] == owner[:, None], math.inf).amin(dim=1)
    covered = (first < balls.radii).double()
    lost = covered * (second >= balls.radii)
    without_synthetic = to_points.new_zeros(int(whose.max()) + 1, len(covered))
    without_synthetic[owner, torch.arange(len(covered))] = -lost
    without_real = to_points.new_zeros(len(balls.without), len(covered))
    for change, (_, rows, radii) in zip(without_real, balls.without, strict=True):
        change[rows] = (first[rows] < radii).double() - covered[rows]
    variance = jackknife_variance(covered, without_synthetic, without_real, subjects.real)
    return Measured(covered.mean().item(), variance)


def jackknife_variance(
    values: Float[Tensor, " p"],
    other: Float[Tensor, "c p"],
    own: Float[Tensor, "o p"],
    subjects: Int[np.ndarray, "p"],
) -> float:
    """Return the variance of a mean over points of one cohort in balls that the cohorts set.

    A jackknife that leaves out one subject of either cohort at a time, from which the noise of
    counting points is taken out: squared sums of changes over points are replaced by their unbiased
    estimate, the sum of products of points of different subjects. In simulations it is 1 to 1.8
    times the true variance (density: to 2.4; more where a fraction is almost 1). The plain jackknife
    is 1.4 to 5 times as large, and the variance of fixed balls, the lower bound here, down to a
    third. A bootstrap would not do: a volume drawn twice is its own nearest neighbour and shrinks
    the balls.

    Args:
        values: one per point.
        other: change of each value when each subject of the other cohort is left out.
        own: the same for each subject of the points, its own values apart; no rows if there is no
            change.
        subjects: of the points.
    """
    p = len(values)
    whose = torch.from_numpy(subjects)
    sizes = whose.bincount().double()

    def by_subject(rows: Float[Tensor, "r p"]) -> Float[Tensor, "r s"]:
        return rows.new_zeros(len(rows), len(sizes)).index_add_(1, whose, rows)

    def of_mean(totals: Float[Tensor, " s"]) -> float:
        """Return the variance of a mean over points, from its sums over subjects."""
        apart = totals - sizes * totals.sum() / p
        return float(apart.square().sum()) * len(sizes) / (len(sizes) - 1) / p**2

    totals = by_subject(values[None])[0]
    fixed_balls = of_mean(totals)
    other = other - other.mean(dim=0)
    c = len(other)
    products = other.sum(dim=1).square().sum() - by_subject(other).square().sum()
    pairs = p**2 - float(sizes.square().sum())
    variance = (c - 1) / c * float(products) / pairs
    influence = totals - own.sum(dim=1) if len(own) else totals
    variance += of_mean(influence) - float(by_subject(own).square().sum()) / p**2
    return max(variance, fixed_balls)


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
    between = distances(real, synthetic)
    around_real = neighbourhoods(real, k, subjects.real)
    around_synthetic = neighbourhoods(synthetic, k, subjects.synthetic)
    precise, dense = precision(between, around_real, subjects.synthetic)
    recalled, _ = precision(between.T, around_synthetic, subjects.real)
    covered = coverage(between, around_real, subjects)
    repeated = count(subjects.real) < m or count(subjects.synthetic) < n

    warnings = [
        *_few_volumes(m, n),
        *_empty_balls(around_real.radii, "real", k),
        *_empty_balls(around_synthetic.radii, "synthetic", k),
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
        bool(radii.isfinite().all())
        for balls in (around_real, around_synthetic)
        for _, _, radii in balls.without
    )

    def estimate(
        name: str, measured: Measured, points: Int[np.ndarray, "p"], method: str
    ) -> Estimate:
        make = _density_interval if name == "density" else _proportion_interval
        return Estimate(
            name=name,
            value=measured.value,
            direction="higher is better",
            n_real=m,
            n_synthetic=n,
            method=method,
            interval=make(measured, points) if known else None,
            standard_error=math.sqrt(measured.variance) if known else None,
            warnings=tuple(warnings),
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


def _proportion_interval(measured: Measured, subjects: Int[np.ndarray, "p"]) -> Interval:
    """Return Wilson's interval at the number of independent points that has this variance.

    Never more than there are points; as many as there are subjects where the fraction is 0 or 1.
    """
    points, S = len(subjects), count(subjects)
    spread = measured.value * (1 - measured.value)
    effective = min(points, spread / measured.variance) if spread > 0 else S
    # As Korn and Graubard (1998): what is known from few subjects is known less well.
    quantiles = stats.t.ppf((1 + LEVEL) / 2, [points - 1, S - 1])
    effective *= (quantiles[0] / quantiles[1]) ** 2
    z2 = float(stats.norm.ppf((1 + LEVEL) / 2)) ** 2
    centre = (measured.value + z2 / (2 * effective)) / (1 + z2 / effective)
    half = math.sqrt(z2 * (spread / effective + z2 / (4 * effective**2))) / (1 + z2 / effective)
    return Interval(
        low=0.0 if measured.value == 0 else float(centre - half),
        high=1.0 if measured.value == 1 else float(centre + half),
        level=LEVEL,
        method="Wilson, at the effective sample size of a jackknife over both cohorts",
    )


def _density_interval(measured: Measured, subjects: Int[np.ndarray, "p"]) -> Interval:
    half = float(stats.t.ppf((1 + LEVEL) / 2, count(subjects) - 1)) * math.sqrt(measured.variance)
    return Interval(
        low=max(measured.value - half, 0.0),
        high=measured.value + half,
        level=LEVEL,
        method="t interval, jackknife over both cohorts",
    )


def _few_volumes(real: int, synthetic: int) -> list[Caveat]:
    found = []
    if min(real, synthetic) < FEW_VOLUMES:
        found.append(
            Caveat(
                "Only {real} real and {synthetic} synthetic volumes: below "
                f"{FEW_VOLUMES} of each, the balls fill the space between volumes poorly and the"
                " values are rough.",
                real=real,
                synthetic=synthetic,
            )
        )
    if max(real, synthetic) > 2 * min(real, synthetic):
        found.append(
            Caveat(
                "The cohorts differ in size ({real} real, {synthetic} synthetic), which alone moves"
                " precision, recall and coverage: compare only with values at the same sizes.",
                real=real,
                synthetic=synthetic,
            )
        )
    return found


def _empty_balls(radii: Float[Tensor, " c"], role: str, k: int) -> list[Caveat]:
    empty = int((radii == 0).sum())
    if empty == 0:
        return []
    told = (
        "{empty} of {n} {role} volumes have at least {k} exact copies by their features: their"
        " balls have no extent and hold nothing."
    )
    return [Caveat(told, empty=empty, n=len(radii), role=role, k=k)]


METRIC = Metric(
    name="precision_recall",
    summary="precision, recall, density and coverage: fidelity and diversity apart",
    input="features",
    compute=compute,
)
