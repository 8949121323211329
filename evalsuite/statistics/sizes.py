"""The power of a declared hypothesis, and the smallest study that reaches it.

Estimates are taken as normal with a standard error that the study estimates on some degrees of
freedom, as Student's t tests do. Pure functions of numbers: what the standard error of a design is,
tells `evalsuite.study.protocol`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit
from scipy.stats import nct

Aim = Literal["superiority", "non-inferiority", "equivalence"]
CHANCES = 2000  # quantiles of the estimated standard error over which the power is averaged


def power_of_aim(
    aim: Aim,
    effect: float,
    *,
    error: float,
    df: float = np.inf,
    margin: float = 0.0,
    alpha: float = 0.025,
) -> float:
    """Return the probability that one-sided tests at level alpha show what a study aims to show.

    Superiority: the effect is above 0. Non-inferiority: it is above minus the margin. Equivalence:
    it lies between minus the margin and the margin, by two one-sided tests. The effect of a figure
    against guessing is its distance from 0.5, or that of log odds with a margin of log odds. Agrees
    with PowerTOST, and for superiority and non-inferiority with the noncentral t distribution.

    Args:
        aim: what is to be shown.
        effect: the true one.
        error: its standard error, above 0.
        df: degrees of freedom of the standard error's estimate.
        margin: above 0 where there is one, in the unit of the effect.
        alpha: level of each one-sided test.

    Returns:
        Between 0 and 1. Of an effect of 0 less than alpha for superiority, and for equivalence
        the probability to show that there is none.

    References:
        Schuirmann 1987. Phillips, Journal of Pharmacokinetics and Biopharmaceutics 18 (1990)
        137-144.

    Example:
        >>> error = (2 / 40) ** 0.5 * 0.2935604
        >>> found = power_of_aim(
        ...     "equivalence", -0.05129329, error=error, df=38, margin=0.2231436, alpha=0.05
        ... )
        >>> round(found, 3)
        0.816
    """
    if not error > 0 or (aim != "superiority" and not margin > 0):
        raise ValueError(
            f"The standard error is {error:g} and the margin {margin:g}; expected both above 0."
        )
    quantile = float(stdtrit(df, 1 - alpha))
    if aim != "equivalence":
        away = (effect + (margin if aim == "non-inferiority" else 0.0)) / error
        return float(ndtr(away - quantile) if np.isinf(df) else nct.sf(quantile, df, away))
    estimated = np.full(1, error)
    if np.isfinite(df):
        estimated = error * np.sqrt(chdtri(df, (np.arange(CHANCES) + 0.5) / CHANCES) / df)
    room = np.maximum(margin - quantile * estimated, 0.0)
    return float((ndtr((room - effect) / error) - ndtr((-room - effect) / error)).mean())


def smallest_size(
    power: Callable[[int], float], target: float = 0.8, *, least: int = 2, most: int = 10_000
) -> int | None:
    """Return the smallest size of a study whose power reaches the target.

    Args:
        power: by size, such as the number of readers or of cases; does not fall with it.
        target: above 0 and below 1.
        least, most: sizes to look at.

    Returns:
        None where even the largest does not reach it, as where readers differ too much for any
        number of cases.

    Example:
        >>> smallest_size(lambda n: power_of_aim("superiority", 0.5, error=n**-0.5))
        32
    """
    if power(least) >= target:
        return least
    low, high = least, least
    while power(high) < target:
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= target else (middle, high)
    return high
