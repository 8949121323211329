"""Maximum mean discrepancy of two feature sets: RBF kernel, and cubic kernel (KID)."""

from dataclasses import replace
from math import comb, isnan, nan
from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.distances import MEMORY
from evalsuite.metrics.features import IDENTICAL, checked_features, same_rows
from evalsuite.metrics.kernels import cubic_kernel, median_distance, rbf_kernel
from evalsuite.metrics.metric import Level, Metric, UndefinedError, judging_options, on_features
from evalsuite.metrics.squared_mmd import (
    Kernel,
    Sums,
    jackknife,
    permutation_p_value,
    relabellings,
    score_interval,
    sign_flip_p_value,
    signs,
    squared_mmd,
    summed,
    tiles_of,
)
from evalsuite.metrics.subjects import Subjects, dominated, each_its_own
from evalsuite.records import Caveat, Estimate, Interval, Quantity

FEW = 20
FEW_SKEWED = 100
# One bandwidth saturates once cohorts are several bandwidths apart: a worse generator would no
# longer score worse.
WIDTHS = 4


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    memory: int = MEMORY,
    intervals: bool = True,
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

    Subjects, not volumes, are what is independent: values are over pairs of different subjects,
    the jackknife leaves out subjects and the test relabels them whole. Where they have different
    numbers of volumes they cannot be relabelled, and a wild bootstrap of subjects takes over.

    Args:
        real: one row of features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.
        subjects: whom the volumes show; by default each another. At least 2 in each set.
        seed: of the permutations.
        memory: bytes for blocks of kernels; it changes no digit but the last ones.
        intervals: whether to test as well; False: the two distances alone.
        bandwidth: sigma of the RBF kernel, in the unit of the features; by default the mean of
            kernels with 1, 2, 4 and 8 times the median distance within the real cohort (the
            median rule, widened so that it tells bad from worse), the same for all generators.
        permutations: number of relabellings behind a p-value.
        level: nominal coverage of the intervals, between 0 and 1.

    Raises:
        UndefinedError: if a set has fewer than two rows or subjects or values that are not
            finite, or if the numbers of features differ.
        ValueError: for an option out of its range.
    """
    real, synthetic = checked_features(real, synthetic, metric="MMD")
    subjects = subjects or each_its_own(len(real), len(synthetic))
    if min(subjects.counts) < 2:
        m, n = subjects.counts
        raise UndefinedError(
            "MMD compares volumes of different subjects and needs at least 2 subjects in each set, "
            f"but got {m} real and {n} synthetic."
        )
    sigma = bandwidth or median_distance(real, subjects.real, memory=memory)
    widths = 1 if bandwidth else WIDTHS
    kernel_of = (
        f"RBF kernel with sigma = {sigma:.6g}, as given"
        if bandwidth
        else "mean of RBF kernels with 1, 2, 4 and 8 times "
        f"sigma = {sigma:.6g}, the median distance within the real cohort"
    )
    methods = {
        MMD.name: (f"Unbiased squared MMD (Gretton et al. 2012, equation 3), {kernel_of}."),
        KID.name: (
            "Unbiased squared MMD with the cubic polynomial kernel (Binkowski et al. 2018), "
            "all volumes at once instead of random subsets."
        ),
    }
    warnings = (IDENTICAL,) if same_rows(real, synthetic) else ()
    kernels: dict[str, Kernel] = {KID.name: lambda t: cubic_kernel(t.products, real.shape[1])}
    if sigma:
        kernels[MMD.name] = lambda t: rbf_kernel(t.squares, sigma, widths)
    labels = relabellings if subjects.equal_sizes else signs
    sums = summed(
        tiles_of(real, synthetic, kernels),
        subjects,
        labels(*subjects.counts, permutations if intervals else 1, seed),
        features=real.shape[1],
        memory=memory,
    )
    estimates = []
    for name, method in methods.items():
        value, p_value = _without_numbers(name, method, warnings, subjects)
        if name in sums:
            value = _with_interval(value, sums[name], subjects, level)
            p_value = _tested(name, p_value, sums[name], subjects, permutations)
        else:
            value, p_value = (
                replace(e, warnings=(_NO_BANDWIDTH, *e.warnings)) for e in (value, p_value)
            )
        estimates += [value, p_value] if intervals else [value]
    return estimates


MMD = Quantity(
    name="mmd_rbf",
    title="MMD",
    sentence="maximum mean discrepancy, a difference between the cohorts in any property of their "
    "features; about 0, perhaps a little below, if they are alike.",
    direction="lower is better",
    range="a little below 0 to 2",
    bias="mean of RBF kernels with 1, 2, 4 and 8 times the median distance within the real cohort; "
    "unbiased, slightly negative is good; jackknife",
    chapter="distance",
    works=(
        (
            "Gretton A, et al. A kernel two-sample test. Journal of Machine Learning Research 13 (2012) "
            "723-773."
        ),
    ),
    role="distance",
)
KID = Quantity(
    name="kid",
    title="KID",
    sentence="kernel inception distance, the MMD with a polynomial kernel, which weighs unusual "
    "volumes more; about 0 if the cohorts are alike.",
    direction="lower is better",
    range="a little below 0 to ∞",
    bias="cubic polynomial kernel, all volumes at once; unbiased; jackknife",
    chapter="distance",
    works=("Bińkowski M, et al. Demystifying MMD GANs. ICLR (2018).",),
    role="distance",
    by_group=True,
)
P_VALUE = Quantity(
    name="mmd_rbf_p_value",
    title="MMD, p-value",
    sentence="how often chance alone would give an MMD as large if real and synthetic were alike; "
    "below 0.05 they differ beyond chance, above it no difference was found, which does not prove "
    "that there is none. Each is of one test; the summary corrects them for their number.",
    direction="higher is better",
    range="0 to 1",
    bias="exact permutation test, or a wild bootstrap where subjects have different numbers of "
    "volumes; a large value proves nothing",
    chapter="distance",
    role="test",
    headline=True,
)
KID_P_VALUE = replace(
    P_VALUE,
    name="kid_p_value",
    title="KID, p-value",
    sentence="the same for the KID.",
    headline=False,
)
TESTS = {MMD.name: P_VALUE, KID.name: KID_P_VALUE}

METRIC = Metric(
    name="mmd",
    summary="Squared MMD with RBF kernel, and KID, with standard errors and permutation p-values",
    needs=("features", "subjects"),
    compute=on_features(compute),
    quantities=(MMD, P_VALUE, KID, KID_P_VALUE),
    methods="Differences between the features of cohorts were measured by the unbiased squared "
    "maximum mean discrepancy with Gaussian kernels {mmd_rbf} and the kernel inception distance "
    "{kid}",
)


_SKEWED = Caveat(
    "subjects-of-unequal-numbers",
    "Subjects differ in numbers of volumes, so the p-value is approximate: for very skewed features "
    "the test at 5 % rejects in up to 9 %. That of mmd_rbf does not.",
)
_NO_BANDWIDTH = Caveat(
    "no-bandwidth",
    "The median distance between real volumes is 0, so the RBF kernel has no bandwidth. "
    "Set the option `bandwidth` or mend the extractor.",
)
_HEAVY = Caveat(
    "heavy-tails-of-mmd",
    "A few subjects make most of the variance of this distance. In simulations with tails that heavy "
    "95 % intervals of 20 and 40 subjects held the truth in as few as 90 %, mostly missing it above.",
)
_NO_ERROR = Caveat(
    "no-standard-error-of-mmd",
    "{real} real and {synthetic} synthetic {unit} give no standard error: it needs 3 of each.",
)
_ROUGH_ERROR = Caveat(
    "rough-standard-error-of-mmd",
    "{real} real and {synthetic} synthetic {unit} are few for the standard error and the interval, "
    f"which held the truth in as few as 87 % of simulations with 12 and 60 subjects (at least {FEW} "
    "of each are advisable).",
)
_FEW_LABELLINGS = Caveat(
    "few-labellings",
    "{real} real and {synthetic} synthetic {unit} can be relabelled in so few ways that the p-value "
    "cannot fall below {smallest:.2g}.",
)


def _without_numbers(
    name: str, method: str, warnings: tuple[Caveat, ...], subjects: Subjects
) -> tuple[Estimate, Estimate]:
    """Return the two estimates of one kernel without their numbers."""
    pairs = " Over pairs of different subjects." if subjects.unit == "subjects" else ""
    value = Estimate(
        name=name,
        value=nan,
        direction=MMD.direction,
        n_real=len(subjects.real),
        n_synthetic=len(subjects.synthetic),
        method=(
            f"{method}{pairs} A value slightly below zero is a good result. The interval is too "
            "wide near zero, where the statistic is degenerate: use the p-value there. Where the "
            f"cohorts differ, a 95 % interval of 12 to 60 {subjects.unit} with normal features holds "
            "the truth in 92 to 98 % of simulations."
        ),
        warnings=warnings + _warnings_about_error(subjects),
    )
    p_value = replace(
        value,
        name=TESTS[name].name,
        direction=TESTS[name].direction,
        method=f"Test whether {name} is zero.",
        warnings=warnings,
    )
    return value, p_value


def _with_interval(estimate: Estimate, sums: Sums, subjects: Subjects, level: float) -> Estimate:
    value, contributions = squared_mmd(sums), jackknife(sums)
    variances = np.array([float(of.square().sum()) for of in contributions])
    if isnan(variances.sum()):
        return replace(estimate, value=value)
    over = " over subjects" if subjects.unit == "subjects" else ""
    method = f"score limits by Student's t, jackknife{over}"
    low, high = score_interval(value, variances, subjects.counts, level)
    error = float(np.sqrt(variances.sum()))
    few = min(subjects.counts) >= FEW and dominated(
        np.concatenate([c.numpy() for c in contributions])
    )
    warnings = (*estimate.warnings, _HEAVY) if few else estimate.warnings
    interval = Interval(low, high, level, method)
    return replace(
        estimate, value=value, interval=interval, standard_error=error, warnings=warnings
    )


def _tested(
    name: str,
    estimate: Estimate,
    sums: Sums,
    subjects: Subjects,
    permutations: int,
) -> Estimate:
    (m, n), unit = subjects.counts, subjects.unit
    if subjects.equal_sizes:
        kind = "permutation"
        p = permutation_p_value(sums)
        test = f"Permutation test of {name}: how often a random relabelling of all {unit} gives"
        draws = f"{permutations} relabellings"
        warnings = _warnings_about_labellings(m, n, unit)
    else:
        kind = "wild bootstrap"
        p = sign_flip_p_value(sums)
        test = (
            f"Wild bootstrap test of {name} (Chwialkowski et al. 2014), because subjects differ in "
            "numbers of volumes: how often random signs of the subjects give"
        )
        draws = f"{permutations} draws of signs"
        warnings = (_SKEWED,) if name == "kid" and min(m, n) < FEW_SKEWED else ()
    method = (
        f"{test} a value at least as large. Small: the cohorts differ. Large: no difference was "
        f"found at these numbers of {unit}, which does not prove that there is none. {draws}, "
        "(b + 1) / (B + 1)."
    )
    warnings = estimate.warnings + warnings
    return replace(estimate, value=p, method=method, test=kind, warnings=warnings)


def _warnings_about_error(subjects: Subjects) -> tuple[Caveat, ...]:
    (m, n), unit = subjects.counts, subjects.unit
    if min(m, n) >= FEW:
        return ()
    return ((_NO_ERROR if min(m, n) < 3 else _ROUGH_ERROR)(real=m, synthetic=n, unit=unit),)


def _warnings_about_labellings(m: int, n: int, unit: str) -> tuple[Caveat, ...]:
    # With m = n, swapping the cohorts gives the same value.
    smallest = (2 if m == n else 1) / comb(m + n, m)
    if smallest <= 0.05:
        return ()
    return (_FEW_LABELLINGS(real=m, synthetic=n, unit=unit, smallest=smallest),)
