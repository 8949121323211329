"""The Frechet distance extrapolated to infinitely many volumes, with its standard error."""

from dataclasses import replace
from math import nan

from jaxtyping import Float
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.features import IDENTICAL, checked_features
from evalsuite.metrics.frechet_distance import affordable, rotated
from evalsuite.metrics.frechet_sampling import (
    FEWEST_DIVISIONS,
    FEWEST_TO_DIVIDE,
    Sampled,
    infinity_error_of,
    jackknife,
    sampled,
)
from evalsuite.metrics.subjects import Subjects, each_its_own
from evalsuite.records import Caveat, Estimate, Interval, Quantity

NOTHING = Caveat("nothing-to-extrapolate", f"{IDENTICAL} There is nothing to extrapolate.")
TOO_FEW = Caveat(
    "too-few-to-extrapolate",
    f"The extrapolation needs at least {FEWEST_TO_DIVIDE} {{unit}} in each set, but got {{real}} "
    "real and {synthetic} synthetic.",
)
CURVED = Caveat(
    "not-linear",
    "The distance is not linear in 1/n at these numbers of {unit}: wholes and halves extrapolate "
    "to {halves:.4g}, halves and quarters to {quarters:.4g}. The extrapolated value is still "
    "biased.",
)
INFINITY = Quantity(
    name="frechet_distance_infinity",
    title="Fréchet distance, any size",
    sentence="the Fréchet distance that endlessly many volumes would have, which cohorts of "
    "different sizes may be compared by; about 0 if they are alike.",
    direction="lower is better",
    range="about 0 to ∞",
    bias="removes the bias that is linear in 1/n, n being subjects where some show several "
    "volumes; infinitesimal jackknife over subjects",
    chapter="distance",
    works=(
        (
            "Chong MJ, Forsyth D. Effectively unbiased FID and Inception Score and where to find them. "
            "CVPR (2020)."
        ),
    ),
    role="distance",
    headline=True,
    by_group=True,
)


def frechet_distance_infinity(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"], *, seed: int = 0
) -> float:
    """Return the Frechet distance extrapolated to infinitely many volumes.

    The intercept of the line in 1/n through the distance of the cohorts and the mean one of random
    halves of both. Lower is better; unit: that of the features, squared. It removes the bias that
    is linear in 1/n: all that matters for n well above d, only a part of it below (then still
    biased upward). It can be slightly negative where the truth is near zero, and is reported so.

    Args:
        real: one row of d features per real volume; at least 8 rows.
        synthetic: the same features of the synthetic volumes; at least 8 rows.
        seed: of the random halves.

    Raises:
        ValueError: as `frechet_distance`, and for fewer than 8 rows.

    References:
        Chong and Forsyth, CVPR 2020, where the real cohort is fixed and the generator samples
        at will; here both are finite and shrink together.
    """
    real, synthetic = rotated(
        *checked_features(real, synthetic, metric="The extrapolation", fewest=FEWEST_TO_DIVIDE)
    )
    subjects = each_its_own(len(real), len(synthetic))
    divisions = affordable(max(len(real), len(synthetic)), real.shape[1], FEWEST_DIVISIONS)
    return sampled(real, synthetic, subjects, divisions=divisions, seed=seed).infinity


def infinity_estimate(
    distance: Sampled, subjects: Subjects, *, identical: bool, level: float
) -> Estimate:
    """Return `frechet_distance_infinity` with its interval and reasons to doubt it.

    The limit is that of infinitely many subjects. The value is nan where there is nothing to
    extrapolate: for fewer than 8 subjects, or one set twice.

    Args:
        distance: of the whole cohorts.
        subjects: whom the volumes show.
        identical: whether both sets hold the same rows.
        level: nominal coverage of the interval, between 0 and 1.
    """
    (m, n), unit = subjects.counts, subjects.unit
    estimate = Estimate(
        name=INFINITY.name,
        value=nan,
        direction=INFINITY.direction,
        n_real=len(subjects.real),
        n_synthetic=len(subjects.synthetic),
        method=(
            f"Frechet distance extrapolated to infinitely many {unit} (Chong and Forsyth 2020): "
            f"the line in 1/n through both cohorts and their halves, {len(distance.halves)} times "
            "divided at random. May be slightly negative near zero."
        ),
    )
    if min(m, n) < FEWEST_TO_DIVIDE:
        return replace(estimate, warnings=(TOO_FEW(real=m, synthetic=n, unit=unit),))
    if identical:
        return replace(estimate, warnings=(NOTHING,))
    value, error = distance.infinity, infinity_error_of(distance)
    ends = error.interval(value, level)
    known = error.size > 0
    return replace(
        estimate,
        value=value,
        interval=Interval(*ends, level, jackknife(distance, unit)) if known else None,
        standard_error=error.size if known else None,
        warnings=_curved(distance, ends, level, unit),
    )


def _curved(
    distance: Sampled, ends: tuple[float, float], level: float, unit: str
) -> tuple[Caveat, ...]:
    """Return the caveat of a limit that halves and quarters, by their line, put elsewhere.

    Only where it lies outside the interval, and further off than the random divisions explain.
    """
    limits = 2 * distance.halves - distance.quarters
    spread = limits - (2 * distance.value - distance.halves)
    low, high = ends
    divisions = len(spread)
    chance = stdtrit(divisions - 1, (1 + level) / 2) * spread.std(ddof=1) / divisions**0.5
    if low <= limits.mean() <= high or not abs(spread.mean()) > chance:
        return ()
    return (CURVED(unit=unit, halves=distance.infinity, quarters=float(limits.mean())),)
