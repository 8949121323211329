"""The unbiased squared maximum mean discrepancy, its standard error and its p-value.

All take the kernel as sums over the volumes of each two subjects (`kernels.subject_sums`), with
the m real subjects first, and leave out pairs of one subject, which are alike for no merit of the
generator. Without repeated subjects that is the kernel itself, and pairs of different volumes.
"""

from math import nan

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def squared_mmd(
    sums: Float[Tensor, "s s"], m: int, sizes: Float[Tensor, " s"] | None = None
) -> float:
    """Return the unbiased squared maximum mean discrepancy.

    Mean kernel of pairs of volumes of different real subjects, plus the same of synthetic ones,
    less twice the mean kernel of a real and a synthetic volume. Zero in expectation when both come
    from one distribution, so a value slightly below zero is a good result, not an error. Lower is
    better; unit: that of the kernel (none for RBF, where the value is at most 2).

    Args:
        sums: of the kernel over the volumes of each two subjects, the m real ones first; at least
            2 real and 2 synthetic.
        m: number of real subjects.
        sizes: volumes of each subject; by default one.

    References:
        Gretton et al., JMLR 13 (2012), equation 3.

    Example:
        >>> squared_mmd(torch.tensor([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]), 2)
        1.5
    """
    sizes = torch.ones(len(sums)).double() if sizes is None else sizes

    def within(own: slice) -> Tensor:
        pairs = sizes[own].sum().square() - sizes[own].square().sum()
        return (sums[own, own].sum() - sums[own, own].trace()) / pairs

    between = sums[:m, m:].sum() / (sizes[:m].sum() * sizes[m:].sum())
    return float(within(slice(0, m)) + within(slice(m, None)) - 2 * between)


def jackknife_standard_error(
    sums: Float[Tensor, "s s"], m: int, sizes: Float[Tensor, " s"] | None = None
) -> float:
    """Return the two-sample jackknife's standard error of `squared_mmd`, nan under 3 subjects.

    The values without subject i follow from the sums of its row, so all take O(s^2) together.
    Accurate where the distributions differ; where they are equal the statistic is degenerate
    and the jackknife too large (by about 2^(1/2) for large cohorts).

    Args:
        sums, m, sizes: as `squared_mmd`.

    References:
        Efron and Stein, Annals of Statistics 9 (1981); Arvesen, Ann. Math. Stat. 40 (1969),
        for U-statistics of two samples.
    """
    if min(m, len(sums) - m) < 3:
        return nan
    sizes = torch.ones(len(sums)).double() if sizes is None else sizes
    K = sums - sums.diag().diag()
    variance = 0.0
    for own, other in ((slice(0, m), slice(m, None)), (slice(m, None), slice(0, m))):
        within, between, among_others = K[own, own], K[own, other], K[other, other]
        left = sizes[own].sum() - sizes[own]  # volumes without each subject
        pairs_left = left.square() - (sizes[own].square().sum() - sizes[own].square())
        others = sizes[other].sum()
        without = (
            (within.sum() - 2 * within.sum(dim=1)) / pairs_left
            - 2 * (between.sum() - between.sum(dim=1)) / (left * others)
            + among_others.sum() / (others.square() - sizes[other].square().sum())
        )
        variance += float((len(within) - 1) * without.var(correction=0))
    return float(np.sqrt(variance))


def permutation_p_value(
    sums: Float[Tensor, "s s"], m: int, *, permutations: int = 1000, seed: int = 0
) -> float:
    """Return the p-value of `squared_mmd` under random relabelling of subjects of equal sizes.

    (b + 1) / (B + 1), where b of B relabellings reach the observed value. Under the null
    hypothesis that the subjects of both cohorts come from one distribution it is at most alpha
    with probability at most alpha, at any numbers of subjects. Range [1 / (B + 1), 1].

    Args:
        sums, m: as `squared_mmd`; every subject has equally many volumes.
        permutations: B.
        seed: of the relabellings; one seed gives the same ones for every kernel.

    References:
        Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    N = len(sums)
    n = N - m
    K = sums - sums.diag().diag()
    is_real = np.zeros((permutations + 1, N))
    is_real[:, :m] = 1
    # Row 0 keeps the labels, so that the observed value has the same rounding as the others.
    is_real[1:] = np.random.default_rng(seed).permuted(is_real[1:], axis=1)
    labels = torch.from_numpy(is_real).T
    rows_of_real = K.sum(dim=1) @ labels
    within_real = (labels * (K @ labels)).sum(dim=0)
    between = rows_of_real - within_real
    within_synthetic = K.sum() - rows_of_real - between
    values = within_real / (m * (m - 1)) + within_synthetic / (n * (n - 1)) - 2 * between / (m * n)
    rounding = 1e-12 * float(K.abs().mean())
    return float((values >= values[0] - rounding).double().mean())


def sign_flip_p_value(
    sums: Float[Tensor, "s s"],
    m: int,
    sizes: Float[Tensor, " s"],
    *,
    flips: int = 1000,
    seed: int = 0,
) -> float:
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
        sums, m, sizes: as `squared_mmd`.
        flips: B.
        seed: of the signs; one seed gives the same ones for every kernel.

    References:
        Leucht and Neumann, J. Multivar. Anal. 117 (2013), and Chwialkowski et al., NeurIPS 2014
        (wild bootstrap of degenerate kernel statistics); Szekely and Rizzo, Ann. Stat. 42 (2014)
        (U-centring).
    """
    s = len(sums)
    means = sums / torch.outer(sizes, sizes)
    K = means - means.diag().diag()
    rows = K.sum(dim=1) / (s - 2)
    centred = K - rows[:, None] - rows + K.sum() / ((s - 1) * (s - 2))
    weights = torch.outer(sizes, sizes)
    for own in (slice(0, m), slice(m, None)):
        weights[own, own] /= sizes[own].sum().square() - sizes[own].square().sum()
    between = sizes[:m].sum() * sizes[m:].sum()
    weights[:m, m:] /= -between
    weights[m:, :m] /= -between
    form = ((s - 1) / (s - 3)) ** 0.5 * weights * centred
    form.fill_diagonal_(0)
    signs = torch.from_numpy(np.random.default_rng(seed).choice([-1.0, 1.0], (flips, s)))
    values = ((signs @ form) * signs).sum(dim=1)
    rounding = 1e-12 * float(means.abs().mean())
    reached = values >= squared_mmd(sums, m, sizes) - rounding
    return float((reached.sum() + 1) / (flips + 1))
