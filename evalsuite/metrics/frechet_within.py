"""The Frechet distance to expect of two real samples, the yardstick of a synthetic cohort."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.frechet_distance import affordable, distance_parts, rotated
from evalsuite.metrics.subjects import count, rows_of

FEWEST_TO_HALVE = 4
FEWEST_TO_QUARTER = 16


@dataclass(frozen=True, slots=True)
class _Subsets:
    """Means over random pairs of disjoint subsets of one cohort.

    Args:
        inverse: 1/k + 1/k for k subjects in each.
        shift: squared distance of the means, in proportion to `inverse`.
        lost: (trace / overlap)^2 - 1.
    """

    inverse: float
    shift: float
    lost: float


def expected_distance(
    real: Float[Tensor, "m *s d"],
    subjects: Int[np.ndarray, " m"],
    sizes: tuple[int, int],
    *,
    seed: int,
    volumes_each: int | None = None,
) -> float | None:
    """Return the Frechet distance to expect of two fresh real samples of given sizes.

    None under 4 subjects. The squared distance of the means is in proportion to 1/m + 1/n. The
    root of the product of the covariances, O, lies below their trace T: (T / O)^2 - 1 is in
    proportion to 1/m + 1/n for cohorts much larger than the number of features, and for equal
    ones much smaller too, so halves and quarters of the cohort tell it, as a polynomial of second
    degree through 0 (halves alone, as a line, under 16 subjects). In simulations of 16 to 200
    subjects and 8 to 512 features the mean was within 10 % of the truth for (log-)normal features and
    samples of alike sizes, where halves were 10 to 110 % above; up to 25 % off it for four
    times as many synthetic subjects or very skewed features (benchmarks/subjects.py).

    Args:
        real: d finite features per real volume, or per slice of it: slices are pooled.
        subjects: whom each shows.
        sizes: numbers of subjects of the two samples.
        seed: of the random subsets.
        volumes_each: most volumes of a subject in the second sample; by default all that it has.
    """
    number = count(subjects)
    if number < FEWEST_TO_HALVE:
        return None
    if volumes_each is not None and volumes_each >= np.bincount(subjects).max():
        volumes_each = None
    rng = np.random.default_rng(seed)
    real, _ = rotated(real, real[:0])
    halves = _subsets(real, subjects, number // 2, volumes_each, rng)
    inverse = sum(1 / size for size in sizes)
    slope, curvature = halves.lost / halves.inverse, 0.0
    if number >= FEWEST_TO_QUARTER:
        quarters = _subsets(real, subjects, number // 4, volumes_each, rng)
        steeper = quarters.lost / quarters.inverse - slope
        curvature = max(0.0, steeper / (quarters.inverse - halves.inverse))
        slope = max(0.0, slope - curvature * halves.inverse)
    lost = slope * inverse + curvature * inverse**2
    trace = float(real.flatten(0, -2).var(dim=0).sum())
    return halves.shift * inverse / halves.inverse + 2 * trace * (1 - 1 / sqrt(1 + lost))


def _subsets(
    real: Float[Tensor, "m *s d"],
    subjects: Int[np.ndarray, " m"],
    size: int,
    volumes_each: int | None,
    rng: np.random.Generator,
) -> _Subsets:
    number = count(subjects)
    found = []
    for _ in range(affordable(real[..., 0].numel(), real.shape[-1], 1)):
        order = rng.permutation(number)
        for start in range(0, number - 2 * size + 1, 2 * size):
            first = rows_of(order[start : start + size], subjects)
            second = rows_of(order[start + size : start + 2 * size], subjects)
            if volumes_each is not None:
                second = _thinned(second, subjects, volumes_each, rng)
            found.append(distance_parts(real[first].flatten(0, -2), real[second].flatten(0, -2)))
    spread = np.mean([parts.spread for parts in found])
    overlap = np.mean([parts.overlap for parts in found])
    nothing_shared = inf if spread > 0 else 0.0
    return _Subsets(
        inverse=2 / size,
        shift=float(np.mean([parts.shift for parts in found])),
        lost=float((spread / 2 / overlap) ** 2 - 1) if overlap > 0 else nothing_shared,
    )


def _thinned(
    rows: Int[np.ndarray, " r"],
    subjects: Int[np.ndarray, " m"],
    volumes_each: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " k"]:
    """Return at most so many of the rows of each subject, drawn at random."""
    shuffled = rng.permutation(rows)
    by_subject = shuffled[subjects[shuffled].argsort(kind="stable")]
    codes = subjects[by_subject]
    place = np.arange(len(codes)) - np.searchsorted(codes, codes)
    return np.sort(by_subject[place < volumes_each])
