"""Frechet radiomics distance (FRD), both versions, as the code of frd-score computes it."""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.frechet_distance import distance_parts
from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.metric import Level, Metric, UndefinedError, Views, judging_options
from evalsuite.metrics.subjects import Subjects, resampled
from evalsuite.records import Caveat, Estimate, Interval, Quantity

FEWEST_SUBJECTS = 8
ROUGH_INTERVAL = Caveat(
    "rough-interval-of-frd",
    "{real} real and {synthetic} synthetic {unit} are too few for the interval of FRD to be "
    "trusted.",
)
HIGHEST = 7.45670747756958  # end of the range of version 0
# A distance below this share of the spread is that of cohorts with the same moments, but for
# rounding.
ROUNDING = 1e-12
INTERVAL = "biased upward at small n; bootstrap over subjects, shifted onto the value"

V1 = Quantity(
    name="frd_v1",
    headline=True,
    title="FRD, version 1",
    sentence="logarithm of the Fréchet distance of radiomics features in units of the real "
    "cohort's spread; it grows by 0.7 where the distance doubles and depends on the numbers of "
    "volumes, so compare only equal ones.",
    direction="lower is better",
    range="-∞ to ∞",
    bias=f"log of the squared distance, as frd-score has it, twice the paper's; {INTERVAL}",
    chapter="distance",
    works=(
        (
            "Konz N, Osuala R, et al. Fréchet radiomic distance (FRD): a versatile metric for "
            "comparing medical imaging datasets. Medical Image Analysis (2026) 103943."
        ),
    ),
)
V0 = Quantity(
    name="frd_v0",
    headline=True,
    title="FRD, version 0",
    sentence="Fréchet distance of radiomics features scaled to the range of both cohorts together; "
    "it depends on the numbers of volumes, so compare only equal ones.",
    direction="lower is better",
    range="0 to ∞",
    bias=f"squared; {INTERVAL}",
    chapter="distance",
    works=(
        (
            "Osuala R, et al. Towards learning contrast kinetics with multi-condition latent "
            "diffusion models. MICCAI (2024), arXiv 2403.13890."
        ),
    ),
)


def in_real_spreads(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "m k"], Float[Tensor, "n k"]]:
    """Return z-scores by the real cohort of the features that vary in it (version 1)."""
    varies = (real != real[0]).any(dim=0)
    real, synthetic = real[:, varies], synthetic[:, varies]
    mean = real.mean(dim=0)
    spread = (real - mean).square().mean(dim=0).sqrt()
    return (real - mean) / spread, (synthetic - mean) / spread


def in_common_range(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "m d"], Float[Tensor, "n d"]]:
    """Return features scaled to 0 and 7.4567 at the extremes of both cohorts (version 0)."""
    both = torch.cat([real, synthetic])
    low, high = both.amin(dim=0), both.amax(dim=0)
    span = torch.where(high > low, high - low, 1.0)
    return (real - low) / span * HIGHEST, (synthetic - low) / span * HIGHEST


Scaling = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
VERSIONS: dict[str, tuple[Quantity, Scaling]] = {
    "radiomics-frd-v1": (V1, in_real_spreads),
    "radiomics-frd-v0": (V0, in_common_range),
}


def log_distance(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"], scaling: Scaling
) -> float:
    """Return the natural logarithm of the squared Frechet distance of scaled features.

    -inf for cohorts of the same mean and covariance, or without a feature that counts. A change of the units or the origin of a
    feature changes nothing.
    """
    parts = distance_parts(*scaling(real, synthetic))
    same = parts.distance <= ROUNDING * parts.spread
    return -math.inf if same else math.log(parts.distance)


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int = 0,
    bootstrap: Annotated[int, Field(ge=2, description="replicates of the bootstrap")] = 500,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return the FRD of the version whose features these are.

    Where paper and code disagree this follows the code: version 1 is the logarithm of the squared
    distance (Konz et al., equation 3: of the distance, half of it). Features that do not vary in
    the real cohort are left out.

    The interval is made on the logarithm of either version: percentiles of the bootstrap shifted
    by the difference of the estimate and the bootstrap's mean. It covers the expected value at
    these numbers of volumes; 91 to 100 % in simulations with 12 and 30 volumes a side and features
    that were Gaussian or log-normal (benchmarks/frd_intervals.py). Derivatives, of which the
    Frechet distance has its intervals, do not serve: the units of version 0 are extremes, which
    have none, and with those of version 1 intervals of the same pairs held it in 84 to 97 %.
    The reference of version 1 is the FRD of two real samples of these sizes; version 0 has none,
    since its scale depends on the cohort that is judged.

    Args:
        real, synthetic: of one extractor, whose features may have any units; at least 2 volumes.
            Subjects are drawn with all their volumes.
        seed: of the bootstrap.
        bootstrap: number of replicates.
        level: nominal coverage of the interval.

    Raises:
        UndefinedError: for features of another extractor or that are not finite, fewer than 2
            volumes, or cohorts that do not differ.
    """
    (extractor,) = real.features
    if extractor not in VERSIONS:
        raise UndefinedError(
            f"FRD is a distance of the features of {' or '.join(VERSIONS)}, not of {extractor}."
        )
    quantity, scaling = VERSIONS[extractor]
    subjects = Subjects(real.codes, synthetic.codes)
    rows = checked_features(*(v.features[extractor] for v in (real, synthetic)), metric="FRD")
    if quantity is V1 and (rows[0] == rows[0][0]).all():
        raise UndefinedError(
            "All real volumes have the same features, and FRD has their spread for a unit."
        )
    value = log_distance(*rows, scaling)
    if math.isinf(value) and quantity is V1:
        raise UndefinedError(
            "The cohorts have the same features, and FRD is the logarithm of their distance, 0."
        )
    ends = _interval(value, *rows, scaling, subjects, seed, bootstrap, level)
    in_units = (lambda v: v) if quantity is V1 else math.exp
    method = (
        "Logarithm of the squared Frechet distance of z-scores by the real cohort"
        if quantity is V1
        else f"Squared Frechet distance of features scaled to 0 to {HIGHEST:.4f} jointly"
    )
    return [
        Estimate(
            name=quantity.name,
            value=in_units(value),
            direction=quantity.direction,
            n_real=len(rows[0]),
            n_synthetic=len(rows[1]),
            method=f"{method}, unbiased covariances, as frd-score computes it.",
            interval=ends
            and Interval(
                low=in_units(ends[0]),
                high=in_units(ends[1]),
                level=level,
                method=f"percentiles of {bootstrap} bootstrap replicates of {subjects.unit}, "
                "shifted onto the value on the scale of logarithms",
            ),
            reference=_reference(rows[0], subjects, seed) if quantity is V1 else None,
            warnings=_warnings(subjects),
        )
    ]


def _interval(
    value: float,
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    scaling: Scaling,
    subjects: Subjects,
    seed: int,
    replicates: int,
    level: float,
) -> tuple[float, float] | None:
    """Return the ends of the interval of a logarithm, None where nothing can be drawn."""
    if min(subjects.counts) < 2 or math.isinf(value):
        return None
    rng = np.random.default_rng(seed)
    draws = zip(
        resampled(subjects.real, rng, replicates),
        resampled(subjects.synthetic, rng, replicates),
        strict=True,
    )
    found = np.array([log_distance(real[a], synthetic[b], scaling) for a, b in draws])
    found = found[np.isfinite(found)]
    if not found.size:
        return None
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    shift = value - found.mean()
    return float(low + shift), float(high + shift)


def _reference(real: Float[Tensor, "m d"], subjects: Subjects, seed: int) -> float | None:
    """Return the FRD to expect of a second real cohort in place of the synthetic one."""
    scaled, _ = in_real_spreads(real, real)
    each = round(len(subjects.synthetic) / subjects.counts[1])
    expected = expected_distance(
        scaled, subjects.real, subjects.counts, seed=seed, volumes_each=each
    )
    return math.log(expected) if expected else None


def _warnings(subjects: Subjects) -> tuple[Caveat, ...]:
    m, n = subjects.counts
    if min(m, n) >= FEWEST_SUBJECTS:
        return ()
    return (ROUGH_INTERVAL(real=m, synthetic=n, unit=subjects.unit),)


METRIC = Metric(
    name="frd",
    summary="Frechet radiomics distance as frd-score computes it, of the features of "
    "radiomics-frd-v1 or -v0",
    needs=("features", "subjects"),
    compute=compute,
    extractors=tuple(VERSIONS),
    quantities=(V1, V0),
    methods="The Fréchet radiomics distance was computed as by frd-score, in version 1 {frd_v1} or "
    "version 0 {frd_v0}",
)
