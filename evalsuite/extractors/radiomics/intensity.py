"""Intensity-based statistics and the intensity histogram (IBSI sections 3.3 and 3.4)."""

import numpy as np
from jaxtyping import Float, Integer


def statistics(values: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Return the 18 intensity-based statistics of the intensities of a region.

    Percentiles are sample quantiles without interpolation, which reproduce IBSI's 90th
    percentile of the digital phantom. Ratios with a denominator of 0, and the skewness and
    kurtosis of a constant region, are 0.

    Args:
        values: at least one intensity, in any order.

    References: IBSI reference manual, section 3.3.
    """
    ordered = np.sort(values.astype(np.float64))
    n = ordered.size
    p10, p25, p75, p90 = (float(ordered[-(-n * q // 100) - 1]) for q in (10, 25, 75, 90))
    low, high = float(ordered[0]), float(ordered[-1])
    spread, largest = high - low, max(-low, high)
    # In units of the range, from the minimum on: deviations from a mean that was rounded to a
    # float of the intensities' size are no deviations where these hardly differ, and powers of
    # small or large intensities are 0 or infinite.
    unit = (ordered - low) / spread if spread else np.zeros(n)
    deviations = unit - unit.mean()
    squares = deviations * deviations
    second, third, fourth = (
        float(powers.mean()) for powers in (squares, squares * deviations, squares * squares)
    )
    mean = low + spread * float(unit.mean())
    from_median = unit - (unit[(n - 1) // 2] + unit[n // 2]) / 2
    central = unit[(ordered >= p10) & (ordered <= p90)]
    relative = ordered / largest if largest else ordered
    norm = largest * float(relative @ relative) ** 0.5
    return {
        "mean": mean,
        "variance": second * spread * spread,
        "skewness": third / second**1.5 if spread else 0.0,
        "kurtosis": fourth / second**2 - 3 if spread else 0.0,
        "median": float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        "minimum": low,
        "p10": p10,
        "p90": p90,
        "maximum": high,
        "interquartile_range": p75 - p25,
        "range": spread,
        "mean_absolute_deviation": spread * float(np.abs(deviations).mean()),
        "robust_mean_absolute_deviation": spread * float(np.abs(central - central.mean()).mean()),
        "median_absolute_deviation": spread * float(np.abs(from_median).mean()),
        "coefficient_of_variation": second**0.5 * spread / mean if mean else 0.0,
        "quartile_coefficient_of_dispersion": (p75 - p25) / (p75 + p25) if p75 + p25 else 0.0,
        "energy": norm**2,
        "root_mean_square": norm / n**0.5,
    }


def histogram(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return entropy (bits) and uniformity of the grey levels of a region.

    The other histogram features of IBSI repeat the intensity-based statistics bin by bin.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, sections 3.4.18 and 3.4.19.
    """
    counts = np.bincount(levels.ravel(), minlength=n_levels + 1)[1:]
    return {
        "entropy": entropy(counts / counts.sum()),
        "uniformity": float(np.sum((counts / counts.sum()) ** 2)),
    }


def entropy(probabilities: Float[np.ndarray, "..."]) -> float:
    """Return Shannon's entropy in bits; 0 log 0 is 0."""
    p = probabilities[probabilities > 0]
    return float(-np.sum(p * np.log2(p))) + 0.0  # -0.0 becomes 0.0
