"""The Frechet distance extrapolated to infinitely many volumes, with its jackknife error."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.frechet_distance import frechet_distance, rotated
from evalsuite.metrics.subjects import Subjects, each_its_own, rows_of
from evalsuite.records import Caveat, Estimate, Interval, Quantity

# Lines are fitted between the whole cohorts and their halves: wider ranges reach further into
# the curve of the bias, narrower ones amplify the noise of the subsets.
INVERSE_FRACTIONS = (1.0, 1.5, 2.0)
REPEATS = 10
JACKKNIFE_GROUPS = 20
FEWEST_TO_EXTRAPOLATE = 8
IDENTICAL = "The two feature sets are identical."

Order = tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]
INFINITY = Quantity(
    name="frechet_distance_infinity",
    title="Fréchet distance, any size",
    sentence="the Fréchet distance that endlessly many volumes would have, which cohorts of "
    "different sizes may be compared by; about 0 if they are alike.",
    direction="lower is better",
    range="about 0 to ∞",
    bias="removes the bias that is linear in 1/n, n being subjects where some show several "
    "volumes; jackknife",
    chapter="distance",
    works=(
        (
            "Chong MJ, Forsyth D. Effectively unbiased FID and Inception Score and where to find them. "
            "CVPR (2020)."
        ),
    ),
    role="distance",
    by_group=True,
)


def frechet_distance_infinity(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"], *, seed: int = 0
) -> float:
    """Return the Frechet distance extrapolated to infinitely many volumes.

    The mean distance of random subsets, the same fraction of both cohorts (all, two thirds,
    one half), is regressed on 1 / fraction; the intercept is the answer. Lower is better; unit:
    that of the features, squared. It removes the bias that is linear in 1/n: all that matters
    for n well above d, only a part of it below (then still biased upward). An intercept can be
    slightly negative where the truth is near zero, and is reported as it is.

    Args:
        real: one row of d features per real volume; at least 8 rows.
        synthetic: the same features of the synthetic volumes; at least 8 rows.
        seed: of the random subsets.

    Raises:
        ValueError: as `frechet_distance`, and for fewer than 8 rows.

    References:
        Chong and Forsyth, CVPR 2020, where the real cohort is fixed and the generator samples
        at will; here both are finite and shrink together.
    """
    real, synthetic = rotated(
        *checked_features(real, synthetic, metric="The extrapolation", fewest=FEWEST_TO_EXTRAPOLATE)
    )
    subjects = each_its_own(len(real), len(synthetic))
    orders = random_orders(*subjects.counts, np.random.default_rng(seed))
    return _intercept(real, synthetic, subjects, orders, INVERSE_FRACTIONS)


def infinity_estimate(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    subjects: Subjects,
    *,
    identical: bool,
    seed: int,
    level: float,
) -> Estimate:
    """Return `frechet_distance_infinity` with its jackknife interval and reasons to doubt it.

    Subsets and deleted groups are of subjects with all their volumes, and the limit is that of
    infinitely many subjects. The value is nan where there is nothing to extrapolate: for fewer
    than 8 subjects, or one set twice.

    Args:
        real: one row of d finite features per real volume.
        synthetic: the same features of the synthetic volumes.
        subjects: whom these volumes show.
        identical: whether both sets hold the same rows.
        seed: of the random subsets.
        level: nominal coverage of the interval, between 0 and 1.
    """
    (m, n), unit = subjects.counts, subjects.unit
    estimate = Estimate(
        name=INFINITY.name,
        value=float("nan"),
        direction=INFINITY.direction,
        n_real=len(real),
        n_synthetic=len(synthetic),
        method=(
            f"Frechet distance extrapolated to infinitely many {unit} (Chong and Forsyth 2020): "
            f"mean over {REPEATS} random divisions into subsets of all, two thirds and one half "
            "of both cohorts, regressed on 1 / fraction. May be slightly negative near zero."
        ),
    )
    if min(m, n) < FEWEST_TO_EXTRAPOLATE:
        too_few = Caveat(
            f"The extrapolation needs at least {FEWEST_TO_EXTRAPOLATE} {unit} in each set, "
            "but got {real} real and {synthetic} synthetic.",
            real=m,
            synthetic=n,
        )
        return replace(estimate, warnings=(too_few,))
    if identical:
        return replace(estimate, warnings=(f"{IDENTICAL} There is nothing to extrapolate.",))
    orders = random_orders(m, n, np.random.default_rng(seed))
    value = _intercept(real, synthetic, subjects, orders, INVERSE_FRACTIONS)
    from_quarters = _intercept(real, synthetic, subjects, orders, (2.0, 4.0))
    error, groups = _jackknife_error(real, synthetic, subjects, orders)
    half_width = float(stdtrit(groups - 1, (1 + level) / 2)) * error
    method = f"Student t, jackknife that deletes one of {groups} groups of both cohorts"
    if unit == "subjects":
        method += ", of whole subjects"
    curved = Caveat(
        f"The distance is not linear in 1/n at these numbers of {unit}: wholes and halves "
        "extrapolate to {halves:.4g}, halves and quarters to {quarters:.4g}. "
        "The extrapolated value is still biased.",
        halves=value,
        quarters=from_quarters,
    )
    return replace(
        estimate,
        value=value,
        interval=Interval(value - half_width, value + half_width, level, method),
        standard_error=error,
        warnings=(curved,) if abs(from_quarters - value) > half_width else (),
    )


def random_orders(m: int, n: int, rng: np.random.Generator) -> list[Order]:
    """Return random orders of the subjects of both cohorts, from which subsets are cut."""
    return [(rng.permutation(m), rng.permutation(n)) for _ in range(REPEATS)]


def _intercept(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    subjects: Subjects,
    orders: Sequence[Order],
    inverse_fractions: Sequence[float],
) -> float:
    """Return the intercept of the mean distance of subsets, regressed on 1 / fraction."""
    inverses, distances = [], []
    m, n = (len(order) for order in orders[0])
    for inverse in inverse_fractions:
        m_subset, n_subset, disjoint = int(m / inverse), int(n / inverse), int(inverse)
        inverses.append((m / m_subset + n / n_subset) / 2)
        subsets = [
            frechet_distance(
                real[rows_of(p[k * m_subset : (k + 1) * m_subset], subjects.real)],
                synthetic[rows_of(q[k * n_subset : (k + 1) * n_subset], subjects.synthetic)],
            )
            for p, q in (orders if inverse > 1 else orders[:1])
            for k in range(disjoint)
        ]
        distances.append(np.mean(subsets))
    return float(np.polyfit(inverses, distances, 1)[1])


def _jackknife_error(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    subjects: Subjects,
    orders: Sequence[Order],
) -> tuple[float, int]:
    """Return the delete-a-group jackknife's standard error of the extrapolation, and groups.

    Group g is deleted from both cohorts at once: they are independent, so their variances add.
    The orders stay the same, so that subsets change by the deleted subjects and little else.
    """
    groups = min(JACKKNIFE_GROUPS, *subjects.counts)
    p, q = orders[0]
    group_of_real, group_of_synthetic = p.argsort() % groups, q.argsort() % groups
    values = []
    for g in range(groups):
        kept = [(i[group_of_real[i] != g], j[group_of_synthetic[j] != g]) for i, j in orders]
        values.append(_intercept(real, synthetic, subjects, kept, INVERSE_FRACTIONS))
    return float(np.sqrt((groups - 1) * np.var(values))), groups
