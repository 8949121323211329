"""The Frechet distance from stored mean and covariance of the real cohort."""

from collections.abc import Mapping
from math import nan

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.frechet_influence import influence
from evalsuite.metrics.frechet_sampling import Sampled, by_subject, error_of, mean_of
from evalsuite.metrics.metric import Level
from evalsuite.metrics.subjects import count, rows_of
from evalsuite.moments import Moments
from evalsuite.places import Where
from evalsuite.records import Caveat, Estimate, Interval

INTERVAL = (
    "score limits by Student's t, infinitesimal jackknife over the synthetic subjects; the real ones "
    "are taken as they are, for their statistics do not say how they vary"
)
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
        UndefinedError: for fewer than 2 synthetic volumes, values that are not finite, or another
            number of features.
    """
    distances, caveats = {}, []
    for plane, known in real.items():
        distances[plane] = distance_from(known, synthetic[plane], subjects)
        rows, d = synthetic[plane][..., 0].numel(), len(known.mean)
        if min(known.n, rows) <= d:
            caveats.append(FEW_ROWS(real=known.n, synthetic=rows, d=d))
    sliced = len(real) > 1

    def estimate(distance: Sampled, where: Where) -> Estimate:
        mean = f" Mean over the planes {', '.join(real)}." if sliced and not where else ""
        interval = None
        if count(subjects) > 1 and distance.shares[1].any():
            low, high = error_of(distance).interval(distance.value, level)
            interval = Interval(max(0.0, low), high, level, INTERVAL)
        return Estimate(
            name="frechet_distance",
            value=distance.value,
            direction="lower is better",
            n_real=volumes,
            n_synthetic=len(subjects),
            method=METHOD.format(rows="slices" if sliced else "volumes") + mean,
            interval=interval,
            warnings=tuple(dict.fromkeys(caveats)),
            where=where,
        )

    found = [estimate(mean_of(list(distances.values())), ())]
    if sliced:
        found += [estimate(distance, (("plane", plane),)) for plane, distance in distances.items()]
    return found


def distance_from(
    real: Moments, synthetic: Float[Tensor, "n *s d"], subjects: Int[np.ndarray, " n"]
) -> Sampled:
    """Return the distance from stored moments, the same as from the rows that they are of.

    Those contribute nothing to its error, as two subjects.

    Args:
        real: of the real rows.
        synthetic: the same features of at least 2 synthetic volumes, or of their slices.
        subjects: of each synthetic volume, as a code.

    Raises:
        UndefinedError: as `compute`.
    """
    rows = synthetic[rows_of(np.arange(count(subjects)), subjects)].flatten(0, -2)
    found = influence(*checked_features(with_moments(real), rows, metric="The Frechet distance"))
    shares = by_subject(found.synthetic, np.arange(count(subjects)), subjects)
    return Sampled(
        value=found.value,
        shares=(np.zeros(2), shares),
        halves=np.zeros(0),
        quarters=np.zeros(0),
        inverse=nan,
        changes=(np.zeros((0, 2)), np.zeros((0, len(shares)))),
    )


def with_moments(known: Moments) -> Float[Tensor, "k d"]:
    """Return rows that have the mean and the covariance of others."""
    k = max(1, len(known.factor))
    around = np.zeros((k, len(known.mean)))
    around[: len(known.factor)] = known.factor * (k - 0.5) ** 0.5
    return torch.from_numpy(known.mean + np.concatenate([around, -around]))
