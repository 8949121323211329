"""The Frechet distance from stored mean and covariance of the real cohort."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import stdtrit
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Level
from evalsuite.moments import Moments
from evalsuite.records import Caveat, Estimate, Interval, Where

FEW_ROWS = Caveat(
    "few-rows",
    "{real} real and {synthetic} synthetic rows are few for {d} features: the value is biased "
    "upward.",
)
METHOD = (
    "Squared Frechet distance with unbiased covariances (FID) from the stored mean and covariance "
    "of the real cohort, the same as from its {rows}; biased upward at small n."
)


def compute(
    real: Mapping[str, Moments],
    synthetic: Mapping[str, Float[Tensor, "n *s d"]],
    *,
    volumes: int,
    subjects: Int[np.ndarray, " n"],
    level: Level = 0.95,
) -> list[Estimate]:
    """Return the Frechet distance, of several planes their mean first.

    Its interval is for other synthetic subjects and the same real ones; there is no yardstick
    within the real cohort, and no extrapolation, which need its rows.

    Args:
        real: by plane; one entry where rows are of whole volumes.
        synthetic: the same, one row per volume or (n, s, d) for its slices.
        volumes: how many real ones there were.
        subjects: of each synthetic volume, as a code.
        level: nominal coverage of the interval.

    Raises:
        UndefinedError: as `distance_from`.
    """
    values, influences, caveats = [], [], []
    for plane, known in real.items():
        rows = synthetic[plane].flatten(0, -2)
        value, influence = distance_from(known, rows)
        values.append(value)
        influences.append(influence.reshape(len(subjects), -1).mean(axis=1))
        d = len(known.mean)
        if min(known.n, len(rows)) <= d:
            caveats.append(FEW_ROWS(real=known.n, synthetic=len(rows), d=d))
    sliced = len(real) > 1

    def estimate(value: float, influence: Float[np.ndarray, " n"], where: Where) -> Estimate:
        mean = f" Mean over the planes {', '.join(real)}." if sliced and not where else ""
        return Estimate(
            name="frechet_distance",
            value=value,
            direction="lower is better",
            n_real=volumes,
            n_synthetic=len(subjects),
            method=METHOD.format(rows="slices" if sliced else "volumes") + mean,
            interval=interval_of_subjects(value, influence, subjects, level),
            warnings=tuple(dict.fromkeys(caveats)),
            where=where,
        )

    found = [estimate(float(np.mean(values)), np.mean(influences, axis=0), ())]
    if sliced:
        found += [
            estimate(value, influence, (("plane", plane),))
            for plane, value, influence in zip(real, values, influences, strict=True)
        ]
    return found


def distance_from(
    real: Moments, synthetic: Float[Tensor, "n d"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    """Return the Frechet distance of rows from stored moments, and the influence of each row.

    The distance is |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2), the same as of the
    rows themselves. The influence is its derivative by the weight of a row, the whole set having
    the weight 1; it sums to zero.

    Args:
        real: of the real rows.
        synthetic: at least 2 rows of the same features.

    Raises:
        UndefinedError: for fewer rows, values that are not finite, or another number of features.
    """
    known = torch.from_numpy(np.stack([real.mean, real.mean]))
    _, rows = checked_features(known, synthetic, metric="The Frechet distance")
    n = len(rows)
    factor = torch.from_numpy(real.factor)
    difference = torch.from_numpy(real.mean) - rows.mean(dim=0)
    own = (rows - rows.mean(dim=0)) / (n - 1) ** 0.5
    reduced = torch.linalg.qr(own, mode="r").R if n > own.shape[1] else own
    U, s, _ = torch.linalg.svd(factor @ reduced.T, full_matrices=False)
    overlap, trace = float(s.sum()), float(own.square().sum())
    value = float(difference.square().sum() + factor.square().sum()) + trace - 2 * overlap
    largest = float(s.max()) if len(s) else 0.0
    kept = s > largest * torch.finfo(s.dtype).eps * max(factor.shape[0], reduced.shape[0])
    # The optimal transport map from the rows' Gaussian to the stored one, as a quadratic form.
    mapped = ((own @ (factor.T @ U[:, kept])).square() / s[kept]).sum(dim=1)
    influence = (
        -2 * (n - 1) ** 0.5 * (own @ difference)
        + n * (own.square().sum(dim=1) - mapped)
        - (trace - overlap)
    )
    return max(value, 0.0), influence.numpy()


def interval_of_subjects(
    value: float, influence: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"], level: float
) -> Interval | None:
    """Return the interval for other synthetic subjects, None for fewer than 2.

    Args:
        value: the distance.
        influence: of each row.
        subjects: whose row it is, as a code.
        level: nominal coverage.
    """
    shares = np.bincount(subjects, influence / len(influence))
    k = len(shares)
    if k < 2 or not shares.any():
        return None
    error = (k / (k - 1) * np.sum(shares**2)) ** 0.5
    half = float(stdtrit(k - 1, (1 + level) / 2)) * error
    return Interval(
        low=max(value - half, 0.0),
        high=value + half,
        level=level,
        method="t interval, infinitesimal jackknife over the synthetic subjects; the real ones are "
        "taken as they are, for their statistics do not say how they vary",
    )
