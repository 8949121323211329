"""Limits of agreement of two measurements of the same subjects."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

LEVEL = 0.95


class Limits(NamedTuple):
    """Mean difference and the limits between which 95 % of differences are expected.

    Args:
        bias: mean difference.
        reach: of the limits, above and below the bias.
        bias_half, limit_half: half the 95 % intervals of the bias and of either limit.
    """

    bias: float
    reach: float
    bias_half: float
    limit_half: float


def limits_of_agreement(differences: Float[np.ndarray, " n"]) -> Limits:
    """Return the limits of agreement of differences, one a subject; nan for fewer than two.

    References:
        Bland and Altman, Statistical Methods in Medical Research 8 (1999), section 3.1: the
        variance of a limit is (1 / n + 1.96^2 / (2 (n - 1))) s^2.
    """
    n = len(differences)
    if n < 2:
        return Limits(float(differences.mean()) if n else math.nan, *[math.nan] * 3)
    z, deviation = float(ndtri((1 + LEVEL) / 2)), float(differences.std(ddof=1))
    t = float(stdtrit(n - 1, (1 + LEVEL) / 2))
    return Limits(
        float(differences.mean()),
        z * deviation,
        t * deviation / math.sqrt(n),
        t * deviation * math.sqrt(1 / n + z**2 / (2 * (n - 1))),
    )
