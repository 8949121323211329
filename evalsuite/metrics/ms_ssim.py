"""MS-SSIM within a cohort: whether synthetic volumes differ as much from each other as real ones.

A generator that repeats itself has a higher mean MS-SSIM over pairs of its volumes than the real
cohort has; Khader et al., Scientific Reports 13, 7303 (2023), report both side by side.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import AfterValidator, Field
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.distances import MEMORY
from evalsuite.metrics.metric import Metric, UndefinedError, judging_options, on_volumes
from evalsuite.metrics.structural_similarity import (
    Convention,
    Level,
    Settings,
    fit_settings,
    odd,
    pyramid,
    shape_text,
    similarity,
)
from evalsuite.metrics.subjects import Subjects, count, dominated, each_its_own, members
from evalsuite.records import Caveat, Estimate, Interval, Quantity

IDENTICAL = 1 - 1e-6  # similarity from which two volumes count as the same
FEW_VOLUMES = 10
LEVEL = 0.95
TOO_FEW = Caveat(
    "too-few-for-ms-ssim",
    "MS-SSIM compares volumes within a cohort and needs at least 2 {unit} in each, but got {real} "
    "real and {synthetic} synthetic.",
)
FEW = Caveat(
    "few-compared-within",
    "Only {n} {unit} of a cohort are compared: too few for a firm conclusion.",
)
SHRUNK = Caveat(
    "window-shrunk",
    "The window was shrunk from {wanted} to {used} voxels to fit volumes of {shape}.",
)
COLLAPSED = Caveat(
    "collapsed",
    "All {pairs} pairs of {role} volumes are identical: the cohort has collapsed to one volume.",
)
HEAVY = Caveat(
    "few-make-the-variance-of-pairs",
    "A few subjects make most of the variance of this mean: they are unlike all others. In "
    "simulations with cohorts like that 95 % intervals of 12 to 40 subjects held the truth in as few "
    "as 74 %, missing it below.",
)
REPEATED = Caveat("identical-pairs", "{same} of {pairs} pairs of {role} volumes are identical.")


class Mean(NamedTuple):
    """Mean over the pairs of a cohort, and how it varies.

    Args:
        values: of the pairs.
        value, variance, cumulant: the mean, its variance and its third cumulant.
        subjects: in the pairs.
        contributions: of each subject to the error of the mean.
    """

    values: Float[np.ndarray, " p"]
    value: float
    variance: float
    cumulant: float
    subjects: int
    contributions: Float[np.ndarray, " s"]


def draw_pairs(subjects: int, pairs: int, seed: Sequence[int]) -> Int[np.ndarray, "p 2"]:
    """Return random distinct pairs of subjects, the smaller code first; all if `pairs` allows.

    The subjects are laid on a ring in random order; each is paired with its neighbour, then with
    the next but one, and so on. Every pair is equally likely, and every subject is drawn about as
    often as any other, which gives the mean a smaller variance than independent draws of pairs
    (Blom, Biometrika 63, 1976) and needs few volumes at a time.
    """
    ring = np.random.default_rng(seed).permutation(subjects)
    steps = (
        (start, (start + offset) % subjects)
        for offset in range(1, subjects // 2 + 1)
        for start in range(subjects if 2 * offset < subjects else subjects // 2)
    )
    places = np.array(list(itertools.islice(steps, pairs)), dtype=np.int64)
    return np.sort(ring[places], axis=1)


def draw_volumes(
    pairs: Int[np.ndarray, "p 2"], subjects: Int[np.ndarray, " n"], seed: Sequence[int]
) -> Int[np.ndarray, "p 2"]:
    """Return for each pair of subjects a random volume of either."""
    volumes = members(subjects)
    sizes = np.array([len(v) for v in volumes])
    places = np.random.default_rng(seed).integers(0, sizes[pairs])
    return np.array(
        [
            [volumes[s][i] for s, i in zip(*row, strict=True)]
            for row in zip(pairs, places, strict=True)
        ]
    )


def pair_similarities(
    load: Callable[[int], tuple[Level, ...]],
    pairs: Int[np.ndarray, "p 2"],
    settings: Settings,
    data_range: float,
    block: int,
) -> Float[np.ndarray, "p 2"]:
    """Return (MS-SSIM, SSIM) of each pair, visiting them so that neighbours share volumes.

    Pairs are visited in blocks that need no more than 2 `block` volumes, so that a cache of that
    size behind `load` makes few loads.
    """
    rank = {volume: i for i, volume in enumerate(dict.fromkeys(pairs.ravel().tolist()))}

    def visit(row: int) -> tuple[int, int, int, int]:
        low, high = sorted((rank[int(pairs[row, 0])], rank[int(pairs[row, 1])]))
        return low // block, high // block, low, high

    values = np.empty((len(pairs), 2))
    with torch.no_grad():
        for row in sorted(range(len(pairs)), key=visit):
            first, second = (load(int(volume)) for volume in pairs[row])
            values[row] = similarity(first, second, settings, data_range)
    return values


def pair_mean_variance(values: Float[np.ndarray, " p"], pairs: Int[np.ndarray, "p 2"]) -> float:
    """Return the variance of the mean over pairs that share subjects; nan if it cannot be known.

    With deviations r from the mean it is minus the mean of r_e r_f over all pairs e, f that have
    no subject in common: unbiased if subjects are independent and drawn equally often. The variance
    of independent pairs, on average too small, is the lower bound; where a subject hardly matters
    for its pairs this adds up to a third at 12 subjects. Needs 4 subjects. Unit of `values`,
    squared.

    References:
        Wang and Lindsay, Statistica Sinica 24 (2014), 1117-1141, of which this is the form for
        an incomplete U-statistic of degree 2.
    """
    deviations = values - values.mean()
    ends = pairs.ravel()
    degree = np.bincount(ends)
    sums = np.bincount(ends, np.repeat(deviations, 2))
    disjoint = len(values) ** 2 - np.sum(degree**2) + len(values)
    if disjoint == 0:
        return math.nan
    shared = np.sum(sums**2) - np.sum(deviations**2)
    independent = np.sum(deviations**2) / (len(values) - 1) / len(values)
    return float(max(shared / disjoint, independent))


@judging_options
def compute(
    real: Sequence[Float[Tensor, "_ _ _"]],
    synthetic: Sequence[Float[Tensor, "_ _ _"]],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    memory: int = MEMORY,
    pairs: Annotated[int, Field(ge=1, description="of volumes, compared within each cohort")] = 100,
    kernel_size: Annotated[
        int,
        Field(
            ge=3,
            description="voxels along a side of the window",
            json_schema_extra={"expected": "an odd whole number of at least 3"},
        ),
        AfterValidator(odd),
    ] = 11,
    sigma: Annotated[float, Field(gt=0, description="of the Gaussian window, in voxels")] = 1.5,
    data_range: Annotated[
        float | None,
        Field(gt=0, description="of the intensities; by default max - min of real volumes"),
    ] = None,
    k1: Annotated[float, Field(gt=0, description="constant of the luminance term")] = 0.01,
    k2: Annotated[float, Field(gt=0, description="constant of the contrast term")] = 0.03,
    scales: Annotated[
        int | None, Field(ge=1, le=5, description="of the pyramid; by default what fits")
    ] = None,
    convention: Annotated[
        Convention, Field(description="whose borders and exponents; see the protocol")
    ] = "wang",
) -> list[Estimate]:
    """Return `ms_ssim`, `ms_ssim_difference` and `ssim`, means over pairs within a cohort.

    The value is of the synthetic cohort and the reference of the real one; nearer the reference is
    better: above it the synthetic volumes are less diverse than the real ones. MS-SSIM is in
    [0, 1] and SSIM in [-1, 1], without unit; both are unbiased for the mean over all pairs. The
    intervals allow for pairs that share volumes; that of the difference covers both cohorts.

    Args:
        real, synthetic: volumes of one shape; indexing may be expensive and is done rarely.
        seed: decides which pairs are drawn.
        memory: bytes for the pyramids of volumes that are kept.
        pairs: how many within each cohort, all if there are no more.
        kernel_size, sigma, scales, k1, k2, convention: see `fit_settings` and `Settings`.
        data_range: range of the intensities; None for max - min of the real volumes drawn.

    Raises:
        ValueError: if a cohort has fewer than 2 volumes, shapes differ, a volume holds NaN or
            infinite values, or an option is out of range.

    References:
        Khader et al., Scientific Reports 13, 7303 (2023), and see `similarity`.
    """
    subjects = subjects or each_its_own(len(real), len(synthetic))
    (m, n), unit = subjects.counts, subjects.unit
    repeated = unit == "subjects"
    if min(m, n) < 2:
        raise UndefinedError(TOO_FEW(real=m, synthetic=n, unit=unit))
    first = draw_pairs(m, pairs, (seed, 0))[:1]
    sample = real[int(draw_volumes(first, subjects.real, (seed, 2))[0, 0])]
    settings = fit_settings(tuple(sample.shape), kernel_size, sigma, scales, k1, k2, convention)
    level_bytes = sample.numel() * max(sample.element_size(), 4)
    # Three arrays and their halves, twice: not all that is freed between them is used again.
    capacity = max(2, memory // (level_bytes * 7))

    def within(
        cohort: Sequence[Tensor],
        whose: Int[np.ndarray, " _"],
        role: str,
        stream: int,
        extent: float | None,
    ) -> tuple[Mean, Mean, float]:
        drawn = draw_pairs(count(whose), pairs, (seed, stream))
        chosen = draw_volumes(drawn, whose, (seed, stream + 2))
        load = _loader(cohort, role, sample.shape, settings, capacity)
        extent = extent or _extent(load, chosen)
        values = pair_similarities(load, chosen, settings, extent, capacity // 2)
        return mean_of_pairs(values[:, 0], drawn), mean_of_pairs(values[:, 1], drawn), extent

    real_multi, real_single, extent = within(real, subjects.real, "real", 0, data_range)
    multi, single, _ = within(synthetic, subjects.synthetic, "synthetic", 1, extent)

    warnings = [*_repeats(multi.values, "synthetic"), *_repeats(real_multi.values, "real")]
    fewest = min(multi.subjects, real_multi.subjects)
    if fewest < FEW_VOLUMES:
        warnings.append(FEW(n=fewest, unit=unit))
    if settings.kernel_size < kernel_size:
        warnings.append(
            SHRUNK(wanted=kernel_size, used=settings.kernel_size, shape=shape_text(sample.shape))
        )
    drawn = (
        f"over {len(multi.values)} synthetic and {len(real_multi.values)} real random pairs of"
        f" volumes {'of different subjects ' if repeated else ''}within a cohort (n counts pairs)"
    )
    window = (
        f"Gaussian window of {settings.kernel_size} voxels with sigma {sigma:g}, K1 {k1:g},"
        f" K2 {k2:g}, data range {extent:.6g}"
        f" ({'max - min of the real volumes drawn' if data_range is None else 'as given'})"
    )
    weights = ", ".join(f"{weight:.4f}" for weight in settings.weights)
    pyramids = (
        f"{settings.scales} of 5 scales with weights {weights}"
        f"{' (the first standard ones, renormalised)' if settings.scales < 5 else ''}; {window};"
        + (
            " Wang et al. 2003 as used by Khader et al. 2023."
            if convention == "wang"
            else " as FirasGit/medicaldiffusion computes it, the coarsest scale to a fourfold power."
        )
    )

    def estimate(name: str, mean: Mean, lowest: float, reference: float, method: str) -> Estimate:
        known = not math.isnan(mean.variance)
        heavy = known and mean.subjects >= FEW_VOLUMES and dominated(mean.contributions)
        return Estimate(
            name=name,
            value=mean.value,
            direction=LIKENESS.direction,
            n_real=len(real_multi.values),
            n_synthetic=len(multi.values),
            method=method,
            interval=interval_of_pairs(mean, lowest) if known else None,
            standard_error=math.sqrt(mean.variance) if known else None,
            reference=reference,
            warnings=(*warnings, HEAVY) if heavy else tuple(warnings),
        )

    difference = multi._replace(
        value=multi.value - real_multi.value,
        variance=multi.variance + real_multi.variance,
        cumulant=multi.cumulant - real_multi.cumulant,
        subjects=fewest,
        contributions=np.concatenate([multi.contributions, real_multi.contributions]),
    )
    excess = f"Synthetic minus real mean MS-SSIM, {drawn}; above 0 is less diverse; {pyramids}"
    return [
        estimate("ms_ssim", multi, 0.0, real_multi.value, f"Mean MS-SSIM {drawn}; {pyramids}"),
        estimate("ms_ssim_difference", difference, -1.0, 0.0, excess),
        estimate(
            "ssim", single, -1.0, real_single.value, f"Mean SSIM {drawn}; {window}; Wang 2004."
        ),
    ]


LIKENESS = Quantity(
    name="ms_ssim",
    title="Likeness (MS-SSIM)",
    sentence="how alike two volumes of the same cohort are, 1 if identical; above the real cohort "
    "the synthetic volumes vary too little.",
    direction="nearer the reference is better",
    range="0 to 1",
    bias="over volumes, which pairs share; scales and window are chosen by the smallest side and "
    "recorded",
    chapter="diversity",
    works=(
        (
            "Wang Z, Simoncelli EP, Bovik AC. Multiscale structural similarity for image quality "
            "assessment. Asilomar Conference on Signals, Systems and Computers (2003)."
        ),
    ),
)
QUANTITIES = (
    LIKENESS,
    replace(
        LIKENESS,
        name="ms_ssim_difference",
        headline=True,
        title="Likeness above real (MS-SSIM)",
        sentence="the likeness within the synthetic cohort less that within the real one; above 0 "
        "the synthetic volumes vary too little.",
        range="-1 to 1",
        bias="covers both cohorts; the reference is 0",
        by_group=True,
    ),
    replace(
        LIKENESS,
        name="ssim",
        title="Likeness (SSIM)",
        sentence="the same at full resolution only.",
        range="-1 to 1",
    ),
)
METRIC = Metric(
    name="ms_ssim",
    summary="MS-SSIM and SSIM over random pairs within each cohort: diversity, mode collapse",
    needs=("volumes", "subjects"),
    compute=on_volumes(compute),
    quantities=QUANTITIES,
    methods="The variety within each cohort was measured by the mean structural similarity of "
    "random pairs of its volumes at several scales {ms_ssim}",
)


def mean_of_pairs(values: Float[np.ndarray, " p"], pairs: Int[np.ndarray, "p 2"]) -> Mean:
    """Return the mean over pairs of subjects and how it varies.

    A subject contributes twice the mean deviation of its pairs, over the number of subjects; the
    third cumulant is that of the contributions, none of it due to what pairs alone vary by.
    """
    variance, value = pair_mean_variance(values, pairs), float(values.mean())
    _, places = np.unique(pairs, return_inverse=True)
    places = places.ravel()
    degree = np.bincount(places)
    contributions = 2 * np.bincount(places, np.repeat(values - value, 2)) / degree / len(degree)
    contributions -= contributions.mean()
    cubes, squares = float((contributions**3).sum()), float((contributions**2).sum())
    # Noise of the pairs swells the contributions of subjects, and is not skewed by them.
    shrunk = min(1.0, variance / squares) ** 1.5 if squares > 0 and variance > 0 else 0.0
    return Mean(values, value, variance, cubes * shrunk, len(degree), contributions)


def interval_of_pairs(mean: Mean, lowest: float) -> Interval:
    """Return Student's interval of a mean over pairs, corrected for its skewness.

    By Hall's monotone transformation: with g the skewness of the mean, T + g T^2 / 3 +
    g^2 T^3 / 27 + g / 6 is nearer to symmetric than T, the mean's distance from the truth in
    standard errors.

    Args:
        mean: with a variance.
        lowest: that it can be; 1 is the highest.

    References:
        Hall, Journal of the Royal Statistical Society B 54 (1992) 221-228.
    """
    error = math.sqrt(mean.variance)
    skewness = mean.cumulant / error**3 if error > 0 else 0.0
    t = float(stdtrit(mean.subjects - 1, (1 + LEVEL) / 2))
    low, high = (mean.value - error * _unskewed(q, skewness) for q in (t, -t))
    return Interval(
        low=max(low, lowest),
        high=min(high, 1.0),
        level=LEVEL,
        method="t interval corrected for skewness; variance of a U-statistic, over subjects and "
        "not over pairs",
    )


def _unskewed(quantile: float, skewness: float) -> float:
    """Return where Hall's transformation takes the value of a quantile."""
    if abs(skewness) < 1e-6:
        return quantile
    return 3 / skewness * (math.cbrt(1 + skewness * (quantile - skewness / 6)) - 1)


def _repeats(values: Float[np.ndarray, " p"], role: str) -> list[Caveat]:
    """Return a warning if pairs of different volumes of a cohort are the same."""
    same = int(np.sum(values > IDENTICAL))
    if not same:
        return []
    caveat = COLLAPSED if same == len(values) else REPEATED
    return [caveat(same=same, pairs=len(values), role=role)]


def _loader(
    cohort: Sequence[Tensor],
    role: str,
    shape: tuple[int, ...],
    settings: Settings,
    capacity: int,
) -> Callable[[int], tuple[Level, ...]]:
    """Return a function that loads a volume of the cohort, checks it and keeps its pyramid."""

    def load(index: int) -> tuple[Level, ...]:
        volume = cohort[index]
        if volume.shape != shape:
            raise UndefinedError(
                f"{role.capitalize()} volume {index} is {shape_text(volume.shape)} voxels, but a real"
                f" one is {shape_text(shape)}. MS-SSIM needs one shape: set it in the preprocessing."
            )
        if not bool(torch.isfinite(volume).all()):
            raise UndefinedError(
                f"{role.capitalize()} volume {index} holds NaN or infinite values."
            )
        return pyramid(volume, settings)

    return lru_cache(maxsize=capacity)(load)


def _extent(load: Callable[[int], tuple[Level, ...]], pairs: Int[np.ndarray, "p 2"]) -> float:
    """Return max - min of the intensities of all volumes in the pairs."""
    finest = (load(volume)[0] for volume in dict.fromkeys(pairs.ravel().tolist()))
    ends = np.array([torch.stack(x.voxels.aminmax()).cpu().double() + x.offset for x in finest])
    extent = ends.max() - ends.min()
    if extent == 0:
        raise UndefinedError(
            "The real volumes all have one and the same intensity, so that MS-SSIM finds no data"
            " range; check them, or set data_range."
        )
    return float(extent)
