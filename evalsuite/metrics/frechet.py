"""Frechet distance of two feature sets (FID), with its sampling error and small-sample bias."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.frechet_distance import (
    SUBJECT,
    bootstrap_distances,
    frechet_distance,
    rotated,
)
from evalsuite.metrics.frechet_infinity import IDENTICAL, INFINITY, infinity_estimate
from evalsuite.metrics.frechet_within import FEWEST_TO_HALVE, expected_distance
from evalsuite.metrics.metric import Level, Metric, judging_options, on_features
from evalsuite.metrics.subjects import Subjects, each_its_own
from evalsuite.records import Caveat, Estimate, Interval, Quantity

FEWEST_SUBJECTS = 8
DISTANCE = Quantity(
    name="frechet_distance",
    title="Fréchet distance",
    sentence="how far apart the cohorts lie, judged by the mean and the spread of their features; "
    "it is too high where volumes are few, so it is read against what two real samples of the "
    "same sizes would have (within real).",
    direction="lower is better",
    range="0 to ∞",
    bias="squared (FID); unbiased covariances, exact below n = d; biased upward at small n; bootstrap over subjects, shifted onto the value; the reference "
    "is the distance to expect of two real samples of these sizes",
    chapter="distance",
    works=(
        (
            "Heusel M, et al. GANs trained by a two time-scale update rule converge to a local Nash "
            "equilibrium. NeurIPS 30 (2017)."
        ),
    ),
    role="distance",
)


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    bootstrap: Annotated[int, Field(ge=2, description="replicates of the bootstrap")] = 500,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return the Frechet distance and its extrapolation to infinitely many volumes.

    The interval of the distance is the bootstrap's percentile interval shifted by the
    difference of the estimate and the bootstrap's mean, cut at zero. It covers the expected
    distance at these numbers of volumes, not the distance of the populations: small-sample bias
    is outside it. In simulations with 30 Gaussian volumes a side it covered 97 to 100 % (95 %
    nominal), where the unshifted percentiles covered 0 to 60 %; skewed features (log-normal with
    sigma up to 1) lowered it to 77 %. The interval of the extrapolation is a jackknife's, is
    conservative in the same way, and leaves out what bias the straight line does not remove.
    Both resample subjects with all their volumes. The reference is `expected_distance`.

    Args:
        real: one row of features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.
        subjects: whom the volumes show; by default each another.
        seed: of the bootstrap and of the random subsets.
        bootstrap: number of bootstrap replicates, at least 2.
        level: nominal coverage of the intervals, between 0 and 1.

    Raises:
        ValueError: as `frechet_distance`, or for an option out of its range.
    """
    subjects = subjects or each_its_own(len(real), len(synthetic))
    real, synthetic = checked_features(real, synthetic, metric=SUBJECT)
    value = frechet_distance(real, synthetic)
    identical = sorted(map(bytes, real.numpy())) == sorted(map(bytes, synthetic.numpy()))
    about_features = tuple(
        Caveat("All {n} {role} volumes have the same features.", n=len(features), role=name)
        for name, features in (("real", real), ("synthetic", synthetic))
        if (features == features[0]).all()
    )
    d = real.shape[1]
    reference = _expected(real, subjects, seed)
    # Distances do not change under rotation, and the rows span at most m + n dimensions.
    real, synthetic = rotated(real, synthetic)
    infinity = infinity_estimate(
        real, synthetic, subjects, identical=identical, seed=seed, level=level
    )
    # The bias is at most the value, because the distance of the populations is not negative.
    bias = min(value - infinity.value, value)
    about_distance = (
        (IDENTICAL,)
        if identical
        else _warnings_about_size(len(real), len(synthetic), d, value, bias)
    )
    replicates = bootstrap_distances(
        real, synthetic, replicates=bootstrap, seed=seed, subjects=subjects
    )
    distance = Estimate(
        name=DISTANCE.name,
        value=value,
        direction=DISTANCE.direction,
        n_real=len(real),
        n_synthetic=len(synthetic),
        method=(
            "Squared Frechet distance of fitted Gaussians, unbiased covariances (Heusel et al. "
            f"2017). The interval covers sampling variability at these numbers of {subjects.unit}, "
            f"not the upward small-sample bias. {_about_reference(subjects)}"
        ),
        interval=_shifted_interval(value, replicates, level, subjects),
        reference=reference,
        warnings=about_features + about_distance + _warnings_about_subjects(subjects),
    )
    return [distance, replace(infinity, warnings=about_features + infinity.warnings)]


METRIC = Metric(
    name="frechet",
    summary="Frechet distance (FID) with a bootstrap interval, and extrapolated to infinite n",
    needs=("features", "subjects"),
    compute=on_features(compute),
    quantities=(INFINITY, DISTANCE),
    methods="The distance between cohorts was measured by the Fréchet distance of Gaussians fitted "
    "to the features {frechet_distance}, also extrapolated to infinitely many volumes "
    "{frechet_distance_infinity}",
)


def _shifted_interval(
    value: float, replicates: Float[np.ndarray, " replicates"], level: float, subjects: Subjects
) -> Interval | None:
    if min(subjects.counts) < 2:
        return None
    of_subjects = " of subjects" if subjects.unit == "subjects" else ""
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    shift = value - replicates.mean()
    return Interval(
        low=max(0.0, float(low + shift)),
        high=float(high + shift),
        level=level,
        method=(
            f"percentiles of {len(replicates)} bootstrap replicates{of_subjects}, shifted onto the "
            "value"
        ),
    )


def _expected(real: Float[Tensor, "m d"], subjects: Subjects, seed: int) -> float | None:
    """Return the distance that a second real cohort in place of the synthetic one would have."""
    _, n = subjects.counts
    each = round(len(subjects.synthetic) / n)
    return expected_distance(real, subjects.real, subjects.counts, seed=seed, volumes_each=each)


def _about_reference(subjects: Subjects) -> str:
    (m, n), unit = subjects.counts, subjects.unit
    if m < FEWEST_TO_HALVE:
        return f"A reference within the real cohort needs {FEWEST_TO_HALVE} real {unit}."
    return (
        f"The reference is the distance to expect of two real samples of {m} and {n} {unit}, "
        "extrapolated from random halves and quarters of the real cohort."
    )


def _warnings_about_subjects(subjects: Subjects) -> tuple[str, ...]:
    m, n = subjects.counts
    if subjects.unit == "volumes" or min(m, n) >= FEWEST_SUBJECTS:
        return ()
    if min(m, n) < 2:
        return (f"{m} real and {n} synthetic subjects give no interval: it needs 2 of each.",)
    warning = (
        f"The volumes show {m} real and {n} synthetic subjects, too few for the interval to be "
        f"trusted (at least {FEWEST_SUBJECTS} of each are advisable)."
    )
    return (warning,)


def _warnings_about_size(m: int, n: int, d: int, value: float, bias: float) -> tuple[str, ...]:
    if min(m, n) <= d:
        amount = ", by roughly {bias:.3g} or more" if bias > 0 else ""
        warning = Caveat(
            "{real} real and {synthetic} synthetic volumes are few for {features} features: the "
            f"covariances are rank-deficient and the value is biased upward{amount}. Cohorts with "
            "too little variance are favoured.",
            real=m,
            synthetic=n,
            features=d,
            bias=bias,
        )
    elif bias > value / 4 > 0:
        warning = Caveat(
            "About {share:.0%} of the value is small-sample bias, going by the extrapolation; "
            "frechet_distance_infinity is nearer the truth.",
            share=bias / value,
        )
    else:
        return ()
    return (warning,)
