"""How a Frechet distance varies from one sample of subjects to the next, without resampling.

To second order a distance is that of the populations, plus a contribution of each subject, plus one
of each pair of them. The first matter where the cohorts differ, the second where they are alike or
volumes are few. The derivative of the distance by a subject's weight holds its own contribution and
those of its pairs, so that the sum of squares, the infinitesimal jackknife, counts each pair
twice: intervals would be up to 2^(1/2) times too wide. Random halves, which the extrapolation needs
as well, tell the two apart: in its half a subject's pairs within it weigh twice and the others
nothing, so that the derivative there differs from that at the whole by a random sign on each pair.

A distance is made of squares, so its variance rises with it. Intervals are score limits, whose ends
are where they would be rejected with the variance that they themselves imply: of cohorts that are
alike, whose distance is as skewed as squares are, an end that lies twice the standard error by
pairs below is passed in nearly 5 %, as both ends together should be.

References:
    Wilson, J. Am. Stat. Assoc. 22 (1927), for score limits;
    Efron and Stein, Annals of Statistics 9 (1981), for the jackknife's bias by pairs;
    Chong and Forsyth, CVPR 2020, for the extrapolation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.frechet_distance import distance_parts
from evalsuite.metrics.frechet_influence import influence
from evalsuite.metrics.subjects import Subjects, rows_of

FEWEST_TO_DIVIDE = 8  # subjects
FEWEST_DIVISIONS = 2
ENOUGH_TO_VARY = 8  # divisions

Pair = tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A Frechet distance, those of random parts, and what every subject contributes.

    Args:
        value: the distance.
        shares: of each cohort, the derivative by the weight of each subject, where all weigh 1.
        halves: mean distance of the two halves, by random division; empty for too few subjects.
        quarters: mean distance of their halves, likewise; nan where it is plain that the bias is
            linear in 1/n, because quarters have more rows than there are features.
        inverse: number of subjects over that of halves, about 2.
        changes: of each cohort, by division and subject, that derivative in its own half less
            the one above.
    """

    value: float
    shares: tuple[Float[np.ndarray, " m"], Float[np.ndarray, " n"]]
    halves: Float[np.ndarray, " r"]
    quarters: Float[np.ndarray, " r"]
    inverse: float
    changes: tuple[Float[np.ndarray, "r m"], Float[np.ndarray, "r n"]]

    @property
    def bias(self) -> float:
        """What the distance has above that of infinitely many subjects, on a line in 1/n.

        Through wholes and halves; infinite where there are no halves.
        """
        if len(self.halves) == 0:
            return inf
        return (float(self.halves.mean()) - self.value) / (self.inverse - 1)

    @property
    def infinity(self) -> float:
        """The distance of infinitely many subjects."""
        return self.value - self.bias


@dataclass(frozen=True, slots=True)
class Error:
    """How far an estimate may be off.

    Args:
        alone: its variance by contributions of subjects alone.
        pairs: its variance by pairs of subjects.
        alike: all of its variance if the cohorts were alike.
        limit: the distance of infinitely many subjects, 0 for cohorts that are alike.
        growth: how much the variance rises per unit of the distance above it.
        freedom: degrees of freedom of the variance, if the contributions of subjects are normal.
        tailed: the same by their fourth moments: fewer where a few contribute most.
    """

    alone: float
    pairs: float
    alike: float
    limit: float
    growth: float
    freedom: float
    tailed: float

    @property
    def size(self) -> float:
        """The standard error, in the unit of the estimate."""
        return sqrt(self.alone + self.pairs)

    def interval(self, value: float, level: float) -> tuple[float, float]:
        """Return the ends of the interval of an estimate: score limits.

        They are as far from the value as Student's t times the standard error that the estimate
        would have if an end were the truth. Downwards the variance falls along a line to that of
        cohorts that are alike, upwards it rises by `growth`.
        """
        t, variance = float(stdtrit(self.freedom, (1 + level) / 2)), self.alone + self.pairs
        if variance == 0:
            return value, value
        fall = (variance - self.alike) / self.limit if self.limit > 0 else inf
        down, up = t * fall / 2, t * self.growth / 2
        below = t * max(sqrt(self.alike), variance / (down + sqrt(down**2 + variance)))
        return value - below, value + t * (up + sqrt(up**2 + variance))


def sampled(
    real: Float[Tensor, "m *s d"],
    synthetic: Float[Tensor, "n *t d"],
    subjects: Subjects,
    *,
    divisions: int,
    seed: int,
    units: Float[Tensor, " _"] | None = None,
    errors: bool = True,
) -> Sampled:
    """Return the distance of two sets with what it takes for its error and extrapolation.

    Args:
        real: d finite features per real volume, or per slice of it: slices are pooled.
        synthetic: the same features of the synthetic volumes.
        subjects: whom these volumes show.
        divisions: number of random divisions, at least 2; too few subjects are not divided.
        seed: of the random divisions, which depend on it and the numbers of subjects alone.
        units: what real rows contribute by the units of features, see `unit_influence`; None
            where these are given.
        errors: whether to find what subjects contribute; False: all of it 0, and no quarters.
    """
    counts = subjects.counts
    everyone = np.arange(counts[0]), np.arange(counts[1])
    value, shares = _shares(real, synthetic, subjects, everyone, exact=True, errors=errors)
    if min(counts) < FEWEST_TO_DIVIDE:
        divisions = 0
    rng = np.random.default_rng(seed)
    changes = np.zeros((divisions, counts[0])), np.zeros((divisions, counts[1]))
    halves, quarters, inverses = [], np.full(divisions, nan), []
    for division in range(divisions):
        dealt = [np.array_split(rng.permutation(k), 4) for k in counts]
        for first in (0, 2):
            pair = (
                np.concatenate(dealt[0][first : first + 2]),
                np.concatenate(dealt[1][first : first + 2]),
            )
            distance, own = _shares(real, synthetic, subjects, pair, exact=False, errors=errors)
            halves.append(distance)
            for c, chosen in enumerate(pair):
                changes[c][division, chosen] = own[c] - shares[c][chosen]
                inverses.append(counts[c] / len(chosen))
        fewest = min(real[..., 0].numel(), synthetic[..., 0].numel())
        if errors and fewest <= 4 * real.shape[-1]:
            quarters[division] = np.mean(
                [
                    distance_parts(*_rows(real, synthetic, subjects, part)).distance
                    for part in zip(*dealt, strict=True)
                ]
            )
    if units is not None:
        by_row = units.reshape(len(subjects.real), -1)
        rows = by_row[rows_of(everyone[0], subjects.real)].flatten()
        shares = shares[0] + by_subject(rows, everyone[0], subjects.real), shares[1]
    return Sampled(
        value=value,
        shares=shares,
        halves=np.reshape(halves, (-1, 2)).mean(axis=1),
        quarters=quarters,
        inverse=float(np.mean(inverses)) if divisions else nan,
        changes=changes,
    )


def mean_of(distances: Sequence[Sampled]) -> Sampled:
    """Return the mean of several distances of the same subjects, divided in the same ways.

    What a subject contributes is averaged, so that what the distances share counts in the error.
    """
    fields = zip(
        *((d.value, *d.shares, d.halves, d.quarters, d.inverse, *d.changes) for d in distances),
        strict=True,
    )
    value, m, n, halves, quarters, inverse, dm, dn = (np.mean(of, axis=0) for of in fields)
    return Sampled(float(value), (m, n), halves, quarters, float(inverse), (dm, dn))


def error_of(distance: Sampled) -> Error:
    """Return the standard error of a distance at these numbers of subjects."""
    return _error(distance, 1 / 2, 0.0)


def infinity_error_of(distance: Sampled) -> Error:
    """Return the standard error of its extrapolation, that of the random halves with it."""
    reach = 1 / (distance.inverse - 1)
    return _error(distance, reach, reach**2 / len(distance.changes[0]))


def jackknife(distance: Sampled, unit: str) -> str:
    """Return how its intervals are made, one clause; `unit` is what is independent."""
    pairs = ", pairs counted once" if len(distance.halves) else ""
    return f"score limits by Student's t, infinitesimal jackknife over {unit}{pairs}"


def _shares(
    real: Float[Tensor, "m *s d"],
    synthetic: Float[Tensor, "n *t d"],
    subjects: Subjects,
    chosen: Pair,
    *,
    exact: bool,
    errors: bool,
) -> tuple[float, tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]]]:
    """Return the distance of some subjects, and its derivative by the weight of each.

    Weights are relative to all subjects, so that a half's derivatives compare with the whole's.
    """
    rows = _rows(real, synthetic, subjects, chosen)
    if not errors:
        nothing = np.zeros(len(chosen[0])), np.zeros(len(chosen[1]))
        return distance_parts(*rows).distance, nothing
    found = influence(*rows, exact=exact)
    return found.value, (
        by_subject(found.real, chosen[0], subjects.real),
        by_subject(found.synthetic, chosen[1], subjects.synthetic),
    )


def by_subject(
    influences: Float[Tensor, " r"], chosen: Int[np.ndarray, " k"], subjects: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return the sum over the rows of each subject in turn, as a mean over rows of all subjects."""
    volumes = np.bincount(subjects)[chosen]
    slices = len(influences) // volumes.sum()
    of = np.arange(len(chosen)).repeat(volumes * slices)
    means: Float[np.ndarray, " k"] = np.bincount(of, influences.numpy()) / (len(subjects) * slices)
    return means


def _rows(
    real: Float[Tensor, "m *s d"],
    synthetic: Float[Tensor, "n *t d"],
    subjects: Subjects,
    chosen: Pair,
) -> tuple[Float[Tensor, "p d"], Float[Tensor, "q d"]]:
    """Return the rows of some subjects, subject by subject in the order given."""
    first = real[rows_of(chosen[0], subjects.real)]
    second = synthetic[rows_of(chosen[1], subjects.synthetic)]
    return first.flatten(0, -2), second.flatten(0, -2)


def _error(distance: Sampled, reach: float, drawn: float) -> Error:
    """Return the error of a distance extrapolated by a multiple of what halves add to it.

    The distance itself has half the jackknife's contribution of a subject paired with itself,
    and its extrapolation none, which is what `reach` takes away.

    Both parts of the variance rise where the distance is larger: contributions of pairs by half
    of the jackknife's square per distance, as those of a normal vector's squared length do (the
    other half is the length's own skewness), and those of subjects alone by their skewness.

    Pairs make the mean distance of two halves vary from division to division as much as that of
    the whole from sample to sample. Derivatives tell it more precisely, but too low where subjects
    are few for the features, each being a part of the covariances that it is compared with: for
    cohorts that are alike the larger counts.

    Args:
        distance: the distance.
        reach: multiple of the mean change that a subject's own contribution is less by.
        drawn: variance due to the drawing of halves, as a share of that of pairs.
    """
    shares, changes = distance.shares, distance.changes
    many, pairs, own = len(changes[0]), 0.0, list(shares)
    total = _squares(shares)
    alone, limit = total, distance.value
    if many > 0:
        means = [of.mean(axis=0) for of in changes]
        own = [of - reach * mean for of, mean in zip(shares, means, strict=True)]
        rest = [of - mean for of, mean in zip(changes, means, strict=True)]
        pairs = _squares(rest, distance.inverse) / (many - 1)
        alone = max(0.0, _squares(own) - (1 + reach**2 / many) * pairs)
        limit = distance.infinity
    cubes, squares = (sum(float((of**power).sum()) for of in own) for power in (3, 2))
    growth = total / distance.value / 2 if distance.value > 0 else 0.0
    if squares > 0:
        growth += max(0.0, cubes / squares)
    pairs *= (1 + drawn) / 2
    varied = (1 + drawn) * float(distance.halves.var(ddof=1)) if many >= ENOUGH_TO_VARY else 0.0
    alike = min(alone + pairs, max(pairs, varied))
    return Error(alone, pairs, alike, limit, growth, *_freedom(own))


def _squares(shares: Sequence[Float[np.ndarray, "... _"]], inverse: float = 1.0) -> float:
    """Return the sum over both cohorts of the squares, as for a variance of k subjects.

    The squares are those of deviations from means of the k subjects over `inverse`.
    """
    sizes = [of.shape[-1] / inverse for of in shares]
    squares = (np.square(of).sum() * k / (k - 1) for of, k in zip(shares, sizes, strict=True))
    return float(sum(squares))


def _freedom(shares: Sequence[Float[np.ndarray, " _"]]) -> tuple[float, float]:
    """Return degrees of freedom of the sum of squares, of normal contributions and by their tails.

    References:
        Satterthwaite, Biometrics Bulletin 2 (1946).
    """
    squares = [np.square(of) for of in shares]
    total = sum(of.sum() for of in squares)
    if total == 0:
        return 1.0, 1.0
    normal = total**2 / sum(of.sum() ** 2 / (len(of) - 1) for of in squares)
    spread = sum(np.square(of - of.mean()).sum() for of in squares)
    return float(normal), float(min(normal, 2 * total**2 / spread)) if spread > 0 else float(normal)
