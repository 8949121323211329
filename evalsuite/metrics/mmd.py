"""Maximum mean discrepancy of two feature sets: RBF kernel, and cubic kernel (KID)."""

from dataclasses import replace
from math import comb, isnan, nan
from statistics import NormalDist
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Level, Metric
from evalsuite.metrics.subjects import Subjects
from evalsuite.records import Caveat, Estimate, Interval

FEW_VOLUMES = 20
# One bandwidth saturates once cohorts are several bandwidths apart: a worse generator would no
# longer score worse.
MULTIPLES = (1.0, 2.0, 4.0, 8.0)


def rbf_kernel(rows: Float[Tensor, "N d"], *bandwidths: float) -> Float[Tensor, "N N"]:
    """Return exp(-|x - y|^2 / (2 bandwidth^2)) for all pairs of rows; range [0, 1].

    Args:
        rows: one row of d features per volume.
        bandwidths: sigma, in the unit of the features; of several, the kernels are averaged.
    """
    squares = -0.5 * _distances(rows).square()
    return torch.stack([(squares / sigma**2).exp() for sigma in bandwidths]).mean(dim=0)


def cubic_kernel(rows: Float[Tensor, "N d"]) -> Float[Tensor, "N N"]:
    """Return (x . y / d + 1)^3 for all pairs of rows, the kernel of KID.

    It is not invariant under scale or translation: compare values of one extractor only.

    Args:
        rows: one row of d features per volume.

    References:
        Binkowski et al., ICLR 2018.
    """
    return (rows @ rows.T / rows.shape[1] + 1) ** 3


def median_distance(rows: Float[Tensor, "m d"]) -> float:
    """Return the median Euclidean distance over all pairs of different rows.

    Args:
        rows: one row of d features per volume; at least 2 rows.
    """
    return float(np.median(torch.pdist(rows.double()).numpy()))


def squared_mmd(kernel: Float[Tensor, "N N"], m: int) -> float:
    """Return the unbiased squared maximum mean discrepancy.

    Mean kernel of pairs of different real volumes, plus the same of synthetic ones, less twice
    the mean kernel of a real and a synthetic one. Zero in expectation when both come from one
    distribution, so a value slightly below zero is a good result, not an error. Lower is
    better; unit: that of the kernel (none for RBF, where the value is at most 2).

    Args:
        kernel: symmetric matrix of the kernel over the m real and then the N - m synthetic
            volumes; at least 2 of each.
        m: number of real volumes.

    References:
        Gretton et al., JMLR 13 (2012), equation 3.

    Example:
        >>> squared_mmd(torch.tensor([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]), 2)
        1.5
    """
    n = len(kernel) - m
    within_real = (kernel[:m, :m].sum() - kernel[:m, :m].trace()) / (m * (m - 1))
    within_synthetic = (kernel[m:, m:].sum() - kernel[m:, m:].trace()) / (n * (n - 1))
    return float(within_real + within_synthetic - 2 * kernel[:m, m:].mean())


def jackknife_standard_error(kernel: Float[Tensor, "N N"], m: int) -> float:
    """Return the two-sample jackknife's standard error of `squared_mmd`, nan under 3 volumes.

    The values without volume i follow from the sums of its row, so all take O(N^2) together.
    Accurate where the distributions differ; where they are equal the statistic is degenerate
    and the jackknife too large (by about 2^(1/2) for large cohorts).

    Args:
        kernel: as `squared_mmd`.
        m: number of real volumes.

    References:
        Efron and Stein, Annals of Statistics 9 (1981); Arvesen, Ann. Math. Stat. 40 (1969),
        for U-statistics of two samples.
    """
    n = len(kernel) - m
    if min(m, n) < 3:
        return nan
    K = kernel - kernel.diag().diag()
    variance = 0.0
    for own, other in ((slice(0, m), slice(m, None)), (slice(m, None), slice(0, m))):
        within, between, among_others = K[own, own], K[own, other], K[other, other]
        k, others = between.shape
        without = (
            (within.sum() - 2 * within.sum(dim=1)) / ((k - 1) * (k - 2))
            - 2 * (between.sum() - between.sum(dim=1)) / ((k - 1) * others)
            + among_others.sum() / (others * (others - 1))
        )
        variance += float((k - 1) * without.var(correction=0))
    return float(np.sqrt(variance))


def permutation_p_value(
    kernel: Float[Tensor, "N N"], m: int, *, permutations: int = 1000, seed: int = 0
) -> float:
    """Return the p-value of `squared_mmd` under random relabelling of the volumes.

    (b + 1) / (B + 1), where b of B relabellings reach the observed value. Under the null
    hypothesis that both cohorts come from one distribution it is at most alpha with probability
    at most alpha, at any numbers of volumes. Range [1 / (B + 1), 1].

    Args:
        kernel: as `squared_mmd`.
        m: number of real volumes.
        permutations: B.
        seed: of the relabellings; one seed gives the same ones for every kernel.

    References:
        Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    N = len(kernel)
    n = N - m
    K = kernel - kernel.diag().diag()
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


def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    bandwidth: Annotated[
        float | None,
        Field(gt=0, description="sigma of the RBF kernel; by default from the real cohort"),
    ] = None,
    permutations: Annotated[int, Field(ge=1, description="relabellings behind a p-value")] = 1000,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return the squared MMD with RBF kernel and KID, each with a permutation p-value.

    The interval is the normal one with the jackknife's standard error. Near zero the statistic
    is not normal and the interval too wide: use the p-value to ask whether there is any
    difference, the interval to say how large a clear one is.

    Args:
        real: one row of features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.
        seed: of the permutations.
        bandwidth: sigma of the RBF kernel, in the unit of the features; by default the mean of
            kernels with 1, 2, 4 and 8 times the median distance within the real cohort (the
            median rule, widened so that it tells bad from worse), the same for all generators.
        permutations: number of relabellings behind a p-value.
        level: nominal coverage of the intervals, between 0 and 1.

    Raises:
        ValueError: if a set has fewer than two rows or values that are not finite, if the
            numbers of features differ, or for an option out of its range.
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, but is {level}; 0.95 is usual.")
    if permutations < 1:
        raise ValueError(f"`permutations` must be at least 1, but is {permutations}.")
    if bandwidth is not None and not bandwidth > 0:
        raise ValueError(f"`bandwidth` must be positive, but is {bandwidth}.")
    del subjects
    rows = torch.cat(checked_features(real, synthetic, metric="MMD"))
    m, n = len(real), len(synthetic)
    sigma = bandwidth or median_distance(rows[:m])
    bandwidths = [bandwidth] if bandwidth else [multiple * sigma for multiple in MULTIPLES]
    kernel_of = (
        f"RBF kernel with sigma = {sigma:.6g}, as given"
        if bandwidth
        else "mean of RBF kernels with 1, 2, 4 and 8 times "
        f"sigma = {sigma:.6g}, the median distance within the real cohort"
    )
    methods = {
        "mmd_rbf": (f"Unbiased squared MMD (Gretton et al. 2012, equation 3), {kernel_of}."),
        "kid": (
            "Unbiased squared MMD with the cubic polynomial kernel (Binkowski et al. 2018), "
            "all volumes at once instead of random subsets."
        ),
    }
    warnings = _warnings_about_features(rows, m)
    if sigma == 0:
        no_kernel = (
            "The median distance between real volumes is 0, so the RBF kernel has no bandwidth. "
            "Set the option `bandwidth` or mend the extractor."
        )
        estimates = _without_numbers("mmd_rbf", methods["mmd_rbf"], (no_kernel, *warnings), m, n)
        kernels = {"kid": cubic_kernel(rows)}
    else:
        estimates = []
        kernels = {"mmd_rbf": rbf_kernel(rows, *bandwidths), "kid": cubic_kernel(rows)}
    for name, kernel in kernels.items():
        error = jackknife_standard_error(kernel, m)
        value, p_value = _without_numbers(name, methods[name], warnings, m, n)
        estimates += [
            replace(
                value,
                value=squared_mmd(kernel, m),
                interval=_normal_interval(squared_mmd(kernel, m), error, level),
                standard_error=None if isnan(error) else error,
            ),
            replace(
                p_value,
                value=permutation_p_value(kernel, m, permutations=permutations, seed=seed),
                method=f"{p_value.method} {permutations} relabellings, (b + 1) / (B + 1).",
            ),
        ]
    return estimates


METRIC = Metric(
    name="mmd",
    summary="Squared MMD with RBF kernel, and KID, with standard errors and permutation p-values",
    input="features",
    compute=compute,
)


def _distances(rows: Float[Tensor, "N d"]) -> Float[Tensor, "N N"]:
    """Return Euclidean distances; from differences, so that equal rows are at exactly 0."""
    N = len(rows)
    i, j = torch.triu_indices(N, N, offset=1)
    matrix = rows.new_zeros(N, N)
    matrix[i, j] = matrix[j, i] = torch.pdist(rows)
    return matrix


def _without_numbers(
    name: str, method: str, warnings: tuple[str, ...], m: int, n: int
) -> list[Estimate]:
    """Return the two estimates of one kernel without their numbers."""
    value = Estimate(
        name=name,
        value=nan,
        direction="lower is better",
        n_real=m,
        n_synthetic=n,
        method=(
            f"{method} A value slightly below zero is a good result. The interval is too wide "
            "near zero, where the statistic is degenerate: use the p-value there."
        ),
        warnings=warnings + _warnings_about_error(m, n),
    )
    p_value = replace(
        value,
        name=f"{name}_p_value",
        direction="higher is better",
        method=(
            f"Permutation test of {name}: how often a random relabelling of all volumes gives a "
            "value at least as large. Small: the cohorts differ. Large: no difference was found "
            "at these numbers of volumes, which does not prove that there is none."
        ),
        warnings=warnings + _warnings_about_labellings(m, n),
    )
    return [value, p_value]


def _normal_interval(value: float, error: float, level: float) -> Interval | None:
    if isnan(error):
        return None
    half_width = NormalDist().inv_cdf((1 + level) / 2) * error
    return Interval(value - half_width, value + half_width, level, "normal, jackknife")


def _warnings_about_features(rows: Float[Tensor, "N d"], m: int) -> tuple[str, ...]:
    real, synthetic = rows[:m].numpy(), rows[m:].numpy()
    if sorted(map(bytes, real)) == sorted(map(bytes, synthetic)):
        return ("The two feature sets are identical.",)
    return ()


def _warnings_about_error(m: int, n: int) -> tuple[str, ...]:
    if min(m, n) < 3:
        told = "{real} real and {synthetic} synthetic volumes give no standard error: it needs 3 of each."
    elif min(m, n) < FEW_VOLUMES:
        told = (
            "{real} real and {synthetic} synthetic volumes are few for the standard error and the "
            "interval, which rest on a normal approximation (at least "
            f"{FEW_VOLUMES} of each are advisable)."
        )
    else:
        return ()
    return (Caveat(told, real=m, synthetic=n),)


def _warnings_about_labellings(m: int, n: int) -> tuple[str, ...]:
    # With m = n, swapping the cohorts gives the same value.
    smallest = (2 if m == n else 1) / comb(m + n, m)
    if smallest <= 0.05:
        return ()
    warning = Caveat(
        "{real} real and {synthetic} synthetic volumes can be relabelled in so few ways that the "
        "p-value cannot fall below {smallest:.2g}.",
        real=m,
        synthetic=n,
        smallest=smallest,
    )
    return (warning,)
