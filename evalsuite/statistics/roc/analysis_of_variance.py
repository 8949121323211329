"""The sums behind the analysis of Obuchowski and Rockette: covariances, mean squares, freedom."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import chdtri

from evalsuite.statistics.ratings.crossed import ROUNDING
from evalsuite.statistics.result import NAN

INFINITE = float("inf")
COINCIDENCE = 0.01  # how rare a mean square of readers who do not differ at all must be


class Covariances(NamedTuple):
    """Means of the covariance of figures; nan where the design has no such pair.

    Args:
        error: of a figure with itself.
        cov1: of one reader under two treatments.
        cov2: of two readers under one treatment.
        cov3: of two readers under two treatments.
    """

    error: float
    cov1: float
    cov2: float
    cov3: float


class MeanSquares(NamedTuple):
    """Of the figures of readers under treatments; nan where there is only one of them."""

    treatment: float
    reader: float
    treatment_reader: float


class Spread(NamedTuple):
    """The variance of a mean over r readers times r, and its degrees of freedom.

    Args:
        coinciding: whether the figures of the readers lie so close together that the variance is
            that for these readers alone; see `spread`.
    """

    value: float
    df: float
    coinciding: bool = False

    @property
    def defined(self) -> bool:
        """Whether anything varies; unbiased covariances may make the variance negative."""
        return self.value > ROUNDING**2


def mean_covariances(covariance: Float[np.ndarray, "t r t r"]) -> Covariances:
    """Return the error variance and the three covariances of Obuchowski and Rockette."""
    t, r = covariance.shape[:2]
    one = np.broadcast_to(np.eye(t, dtype=bool)[:, None, :, None], covariance.shape)
    same = np.broadcast_to(np.eye(r, dtype=bool)[:, None, :], covariance.shape)
    kinds = (one & same, ~one & same, one & ~same, ~one & ~same)
    return Covariances(*(float(covariance[k].mean()) if k.any() else NAN for k in kinds))


def mean_squares(value: Float[np.ndarray, "t r"]) -> MeanSquares:
    """Return the two-way analysis of variance without replication."""
    t, r = value.shape
    if r == 0:
        return MeanSquares(NAN, NAN, NAN)
    of_treatment = value.mean(axis=1, keepdims=True) - value.mean()
    of_reader = value.mean(axis=0, keepdims=True) - value.mean()
    rest = value - value.mean() - of_treatment - of_reader
    return MeanSquares(
        r * float((of_treatment**2).sum()) / (t - 1) if t > 1 else NAN,
        t * float((of_reader**2).sum()) / (r - 1) if r > 1 else NAN,
        float((rest**2).sum()) / ((t - 1) * (r - 1)) if t > 1 and r > 1 else NAN,
    )


def spread(
    mean_square: float, df: int, error: float, shared: float, readers: int, random: bool
) -> Spread:
    """Return the denominator of a test, with Hillis' degrees of freedom.

    For these readers alone it is the variance of the contrast over cases, in which the covariance
    of readers keeps its sign, as MRMCaov has it. For other readers a negative one counts as none.
    A mean square so small that chance alone makes it in one of a hundred studies even of readers
    who do not differ (their figures then vary by error - shared) is no evidence that readers
    agree: with two readers and few cases figures often coincide. The variance is then that for
    these readers alone, so that no interval shrinks to nothing.

    Args:
        mean_square, df: of the figures, over the readers.
        error: the same from cases alone.
        shared: covariance that common cases bring to different readers.

    References:
        Hillis, Statistics in Medicine 26 (2007) 596-619 and 33 (2014) 330-360.
        Smith, Hillis and Pesce, MRMCaov 0.3.0, summary of mrmc_frrc and mrmc_rrrc.
    """
    if readers == 1:
        return Spread(error, INFINITE)
    if not random:
        return Spread(error + (readers - 1) * shared, INFINITE)
    shared = max(shared, 0)
    if mean_square * df < float(chdtri(df, 1 - COINCIDENCE)) * (error - shared):
        return Spread(error + (readers - 1) * shared, INFINITE, coinciding=True)
    value = mean_square + readers * shared
    return Spread(value, df * (value / mean_square) ** 2 if mean_square > 0 else INFINITE)
