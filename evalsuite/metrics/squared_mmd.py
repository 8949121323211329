"""The unbiased squared maximum mean discrepancy, its standard error and its p-value.

All come from sums of the kernel over the volumes of each two subjects, which are made tile by tile:
the kernel of all pairs is never held. Pairs of one subject are left out; they are alike for no merit
of the generator.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int8
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.distances import MEMORY, MOST, Pairs, Tile, affordable, spans
from evalsuite.metrics.subjects import Subjects

Kernel = Callable[[Tile], Float[Tensor, "a b"]]
# Tiles of kernels by name: of rows of one cohort (0 real, 1 synthetic) and columns of another.
Tiles = Callable[[int, int, slice, slice], Mapping[str, Float[Tensor, "a b"]]]


class Forms(NamedTuple):
    """For each of P columns of labels, the sum of the kernel times the labels of both subjects.

    Args:
        real, synthetic: over ordered pairs of two subjects of that cohort.
        between: over pairs of a real and a synthetic one.
    """

    real: Float[Tensor, " P"]
    synthetic: Float[Tensor, " P"]
    between: Float[Tensor, " P"]


@dataclass(frozen=True, slots=True)
class Sums:
    """A kernel summed over the volumes of different subjects.

    Args:
        m: number of real subjects, which come first.
        sizes: volumes of each subject.
        with_real, with_synthetic: of each subject, the kernel with all others of either cohort.
        means: of each subject, the sum over all others of the mean kernel with them.
        magnitude: mean absolute kernel.
        labels: columns of labels of the subjects.
        forms: by these.
    """

    m: int
    sizes: Float[Tensor, " s"]
    with_real: Float[Tensor, " s"]
    with_synthetic: Float[Tensor, " s"]
    means: Float[Tensor, " s"]
    magnitude: float
    labels: Int8[Tensor, "s P"]
    forms: Forms


def tiles_of(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"], kernels: Mapping[str, Kernel]
) -> Tiles:
    """Return the tiles of several kernels of two sets of features."""
    pairs = {
        (0, 0): Pairs.of(real, real),
        (0, 1): Pairs.of(real, synthetic),
        (1, 1): Pairs.of(synthetic, synthetic),
    }

    def tiles(
        first: int, second: int, rows: slice, columns: slice
    ) -> Mapping[str, Float[Tensor, "a b"]]:
        tile = pairs[first, second].tile(rows, columns)
        return {name: kernel(tile) for name, kernel in kernels.items()}

    return tiles


def summed(
    tiles: Tiles,
    subjects: Subjects,
    labels: Int8[Tensor, "s P"],
    *,
    features: int = 0,
    memory: int = MEMORY,
) -> dict[str, Sums]:
    """Return the sums of each kernel, in one pass over its tiles.

    Args:
        tiles: symmetric within a cohort, where the upper ones are asked for.
        subjects: whom the volumes show.
        labels: of the real and then the synthetic subjects.
        features: of a row, two of which are held for each of a tile.
        memory: bytes for tiles, which change no digit but the last ones.
    """
    m, _ = subjects.counts
    codes = torch.from_numpy(subjects.real), torch.from_numpy(subjects.synthetic) + m
    sizes = torch.cat(codes).bincount().double()
    side = affordable(memory, 8 * MOST + 3 * labels.shape[1], features)
    sums: dict[str, _Growing] = {}
    for first, second in ((0, 0), (0, 1), (1, 1)):
        for rows in spans(0, len(codes[first]), side):
            start = rows.start if first == second else 0
            for columns in spans(start, len(codes[second]), side):
                ours, theirs = codes[first][rows], codes[second][columns]
                same = ours[:, None] == theirs
                for name, kernel in tiles(first, second, rows, columns).items():
                    values = kernel.masked_fill_(same, 0)
                    if name not in sums:
                        sums[name] = _Growing.of(len(sizes), labels.shape[1])
                    grown = sums[name]
                    product = values @ labels[theirs].double()
                    form = (labels[ours] * product).sum(dim=0)
                    diagonal = first == second and rows == columns
                    mirrored = first == second and not diagonal  # the tile below stands for itself
                    grown.forms[first + second] += (1 + mirrored) * form
                    grown.magnitude += (2 - diagonal) * float(values.abs().sum())
                    grown.add(ours, second, values, 1 / sizes[theirs])
                    if not diagonal:
                        grown.add(theirs, first, values.T, 1 / sizes[ours])
    N = len(subjects.real) + len(subjects.synthetic)
    return {
        name: Sums(
            m=m,
            sizes=sizes,
            with_real=of.rows[:, 0],
            with_synthetic=of.rows[:, 1],
            means=of.rows[:, 2] / sizes,
            magnitude=of.magnitude / N**2,
            labels=labels,
            forms=Forms(of.forms[0], of.forms[2], of.forms[1]),
        )
        for name, of in sums.items()
    }


@dataclass(slots=True)
class _Growing:
    """Sums that tiles are added to."""

    rows: Float[Tensor, "s 3"]
    forms: Float[Tensor, "3 P"]
    magnitude: float

    @classmethod
    def of(cls, subjects: int, labels: int) -> "_Growing":
        return cls(torch.zeros(subjects, 3).double(), torch.zeros(3, labels).double(), 0.0)

    def add(
        self,
        subjects: Tensor,
        cohort: int,
        values: Float[Tensor, "a b"],
        weights: Float[Tensor, " b"],
    ) -> None:
        """Add kernels of volumes of some subjects with volumes of a cohort."""
        totals = torch.zeros(len(subjects), 3).double()
        totals[:, cohort], totals[:, 2] = values.sum(dim=1), values @ weights
        self.rows.index_add_(0, subjects, totals)


def squared_mmd(sums: Sums) -> float:
    """Return the unbiased squared maximum mean discrepancy.

    Mean kernel of pairs of volumes of different real subjects, plus the same of synthetic ones,
    less twice the mean kernel of a real and a synthetic volume. Zero in expectation when both come
    from one distribution, so a value slightly below zero is a good result, not an error. Lower is
    better; unit: that of the kernel (none for RBF, where the value is at most 2).

    Args:
        sums: of at least 2 real and 2 synthetic subjects.

    References:
        Gretton et al., JMLR 13 (2012), equation 3.
    """
    m, sizes = sums.m, sums.sizes
    within = [
        float(with_own[own].sum() / _pairs(sizes[own]))
        for own, with_own in (
            (slice(0, m), sums.with_real),
            (slice(m, None), sums.with_synthetic),
        )
    ]
    between = sums.with_synthetic[:m].sum() / (sizes[:m].sum() * sizes[m:].sum())
    return within[0] + within[1] - 2 * float(between)


def jackknife(sums: Sums) -> tuple[Float[Tensor, " m"], Float[Tensor, " n"]]:
    """Return what each real and each synthetic subject contributes to the error of `squared_mmd`.

    Their sums of squares are the two-sample jackknife's variances; nan under 3 subjects. The values without subject i follow from the sums of its row. Accurate where the distributions
    differ; where they are equal the statistic is degenerate and the jackknife too large (by about
    2^(1/2) for large cohorts).

    Args:
        sums: as `squared_mmd`.

    References:
        Efron and Stein, Annals of Statistics 9 (1981); Arvesen, Ann. Math. Stat. 40 (1969),
        for U-statistics of two samples.
    """
    m, sizes = sums.m, sums.sizes
    if min(m, len(sizes) - m) < 3:
        return torch.full((m,), nan), torch.full((len(sizes) - m,), nan)
    real, synthetic = slice(0, m), slice(m, None)
    contributions = []
    for own, other, with_own, with_other in (
        (real, synthetic, sums.with_real, sums.with_synthetic),
        (synthetic, real, sums.with_synthetic, sums.with_real),
    ):
        within, between, among_others = with_own[own], with_other[own], with_other[other]
        left = sizes[own].sum() - sizes[own]  # volumes without each subject
        pairs_left = left.square() - (sizes[own].square().sum() - sizes[own].square())
        without = (
            (within.sum() - 2 * within) / pairs_left
            - 2 * (between.sum() - between) / (left * sizes[other].sum())
            + among_others.sum() / _pairs(sizes[other])
        )
        contributions.append((without.mean() - without) * (1 - 1 / len(within)) ** 0.5)
    return contributions[0], contributions[1]


def score_interval(
    value: float, variances: Float[np.ndarray, "2"], sizes: Sequence[int], level: float
) -> tuple[float, float]:
    """Return the ends of an interval of a squared distance whose variance grows with it.

    Score limits, at which the estimate lies t standard errors of a variance away that is
    proportional to the distance, as that of the squared length of a mean is; below t standard errors
    it grows no faster than at t. Student's t has Welch's degrees of freedom. In simulations of
    20 to 60 subjects a side, heavy-tailed ones aside, 95 % intervals held the truth in 92 to 99 %, and
    those of the normal distribution in 83 to 99 %, missing it above.

    Args:
        value: the estimate, unbiased.
        variances: of what the real and the synthetic subjects contribute.
        sizes: numbers of these subjects.
        level: nominal coverage, between 0 and 1.

    References:
        Wilson, J. Am. Stat. Assoc. 22 (1927), for score limits; Welch, Biometrika 34 (1947).

    Example:
        >>> low, high = score_interval(2.0, np.array([0.02, 0.02]), (30, 30), 0.95)
        >>> round(low, 3), round(high, 3)
        (1.638, 2.442)
    """
    variance = float(variances.sum())
    if variance == 0:
        return value, value
    df = variance**2 / sum(v**2 / (n - 1) for v, n in zip(variances.tolist(), sizes, strict=True))
    t = float(stdtrit(df, (1 + level) / 2))
    growth = variance / max(value, t * sqrt(variance))
    middle, half = value + t**2 * growth / 2, t * sqrt(variance + (t * growth) ** 2 / 4)
    return middle - half, middle + half


def relabellings(m: int, n: int, permutations: int, seed: int) -> Int8[Tensor, "s P"]:
    """Return which of m + n subjects are taken for real: first those that are, then at random.

    Args:
        permutations: how many times at random.
        seed: one seed gives the same ones for every kernel.
    """
    is_real = np.zeros((permutations + 1, m + n), dtype=np.int8)
    is_real[:, :m] = 1
    # Row 0 keeps the labels, so that the observed value has the same rounding as the others.
    is_real[1:] = np.random.default_rng(seed).permuted(is_real[1:], axis=1)
    return torch.from_numpy(is_real.T.copy())


def permutation_p_value(sums: Sums) -> float:
    """Return the p-value of `squared_mmd` under random relabelling of subjects of equal sizes.

    (b + 1) / (B + 1), where b of B relabellings reach the observed value. Under the null
    hypothesis that the subjects of both cohorts come from one distribution it is at most alpha
    with probability at most alpha, at any numbers of subjects. Range [1 / (B + 1), 1].

    Args:
        sums: by `relabellings`; every subject has equally many volumes.

    References:
        Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    m, n = sums.m, len(sums.sizes) - sums.m
    rows = sums.with_real + sums.with_synthetic
    rows_of_real = _weighed(sums.labels, rows)
    within_real = sums.forms.real + sums.forms.synthetic + 2 * sums.forms.between
    between = rows_of_real - within_real
    within_synthetic = rows.sum() - rows_of_real - between
    values = within_real / (m * (m - 1)) + within_synthetic / (n * (n - 1)) - 2 * between / (m * n)
    rounding = 1e-12 * sums.magnitude * float(sums.sizes[0]) ** 2
    return float((values >= values[0] - rounding).double().mean())


def signs(m: int, n: int, flips: int, seed: int) -> Int8[Tensor, "s P"]:
    """Return random signs of m + n subjects; one seed gives the same ones for every kernel."""
    random = np.random.default_rng(seed)
    drawn = [(2 * random.integers(0, 2, m + n) - 1).astype(np.int8) for _ in range(flips)]
    return torch.from_numpy(np.stack(drawn, axis=1))


def sign_flip_p_value(sums: Sums) -> float:
    """Return the p-value of `squared_mmd` by a wild bootstrap of subjects of any sizes.

    Subjects with several volumes vary less about the mean than those with one, so to relabel them
    would be wrong. Under the null hypothesis the statistic is a sum over pairs of subjects of
    centred kernels; the deviation of each subject is given a random sign, which keeps how much
    each of them varies. (b + 1) / (B + 1), where b of B flips reach the observed value.
    Approximate: benchmarks/subjects.py has its error rates. Range [1 / (B + 1), 1].

    The kernel is U-centred: without its diagonal, and so that pairs of different subjects are 0
    in expectation, which double centring misses by 1/s. That is a projection onto s (s - 3) / 2
    dimensions of s (s - 1) / 2, for which the values are scaled up.

    Args:
        sums: by `signs`.

    References:
        Leucht and Neumann, J. Multivar. Anal. 117 (2013), and Chwialkowski et al., NeurIPS 2014
        (wild bootstrap of degenerate kernel statistics); Szekely and Rizzo, Ann. Stat. 42 (2014)
        (U-centring).
    """
    m, sizes, s = sums.m, sums.sizes, len(sums.sizes)
    of_row = sums.means / (s - 2)
    of_all = sums.means.sum() / ((s - 1) * (s - 2))
    off = sizes * (of_row - of_all / 2)  # U-centring takes a sum off the kernel of each pair
    real, synthetic = slice(0, m), slice(m, None)
    parts = [
        (sizes[own], off[own], *(_weighed(sums.labels[own], of[own]) for of in (sizes, off)))
        for own in (real, synthetic)
    ]
    values = torch.zeros_like(sums.forms.between)
    for (volumes, taken, u, v), form in zip(
        parts, (sums.forms.real, sums.forms.synthetic), strict=True
    ):
        values += (form - 2 * (u * v - (volumes * taken).sum())) / _pairs(volumes)
    (ours, _, u, v), (theirs, _, w, x) = parts
    values -= 2 * (sums.forms.between - u * x - w * v) / (ours.sum() * theirs.sum())
    values *= ((s - 1) / (s - 3)) ** 0.5
    reached = values >= squared_mmd(sums) - 1e-12 * sums.magnitude
    return float((reached.sum() + 1) / (len(values) + 1))


def _weighed(labels: Int8[Tensor, "s P"], weights: Float[Tensor, " s"]) -> Float[Tensor, " P"]:
    """Return the sum of weights times labels, by columns of labels."""
    parts = spans(0, labels.shape[1], 64)
    return torch.cat([labels[:, some].T.double() @ weights for some in parts])


def _pairs(sizes: Float[Tensor, " s"]) -> Float[Tensor, ""]:
    """Return the number of ordered pairs of volumes of different subjects."""
    pairs: Float[Tensor, ""] = sizes.sum().square() - sizes.square().sum()
    return pairs
