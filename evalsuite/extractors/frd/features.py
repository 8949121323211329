"""The features of FRD by pyradiomics' definitions, on the kernels of our IBSI features.

They differ from IBSI's as we compute them in that grey levels are bins of a fixed width from 0 on
instead of a fixed number, percentiles are interpolated, the kurtosis is not reduced by 3, and
co-occurrences and run lengths are features of each direction, averaged.

Reference: van Griethuysen et al., Cancer Research 77 (2017) e104.
"""

import numpy as np
from jaxtyping import Bool, Float, Int32

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.radiomics.glcm import neighbours, pair_features, pair_marginal
from evalsuite.extractors.radiomics.glrlm import runs
from evalsuite.extractors.radiomics.glszm import glszm_matrix
from evalsuite.extractors.radiomics.intensity import histogram
from evalsuite.extractors.radiomics.ngldm import ngldm_matrix
from evalsuite.extractors.radiomics.ngtdm import ngtdm
from evalsuite.extractors.radiomics.sizes import size_features

MOST_LEVELS = 1_000_000  # from the lowest intensity to the highest
MOST_PRESENT = 10_000  # of these, in a volume: features of pairs of levels take their square
# Means of high-pass bands are 0 but for rounding where a whole even grid counts. frd-score scales
# that noise, which differs from run to run, like any feature; here it stays 0 and is left out.
ROUNDING = 1e-14
# What pyradiomics leaves out, being equal to 1, to uniformity, and not one of its features.
NOT_OF_GLDM = {"percentage", "normalised_grey_level_non_uniformity"}


def discretised(
    image: Float[np.ndarray, "z y x"], inside: Bool[np.ndarray, "z y x"], width: float
) -> Int32[np.ndarray, "z y x"]:
    """Return grey levels from 1 inside the region and 0 outside; bins begin at multiples of width.

    pyradiomics holds square matrices of all levels, and so ends at some 10,000 for want of memory;
    here only levels that occur take any.

    Raises:
        EvalsuiteError: if there would be more levels than one can count pairs of.
    """
    values = image[inside]
    low, high = values.min(), values.max()
    too_many = EvalsuiteError(
        f"Intensities from {low:g} to {high:g} in steps of {width:g} are too many grey levels for "
        f"the features of FRD, which count pairs of at most {MOST_PRESENT:,} that occur, of at most "
        f"{MOST_LEVELS:,}. Scale the volumes."
    )
    if high - low > width * MOST_LEVELS:
        raise too_many
    levels = np.zeros(image.shape, np.int32)
    # In the precision of the image, so that values on an edge fall where pyradiomics has them.
    levels[inside] = np.digitize(values, np.arange(low - low % width, high + 2 * width, width))
    if np.count_nonzero(np.bincount(levels.ravel())[1:]) > MOST_PRESENT:
        raise too_many
    return levels


def first_order(
    values: Float[np.ndarray, " n"],
    levels: Int32[np.ndarray, "z y x"],
    *,
    shift: float,
    voxel_volume: float,
) -> dict[str, float]:
    """Return the 18 first-order features.

    Args:
        values: intensities of the region.
        levels: grey levels of the region.
        shift: added to intensities before they are squared, in the energies and their root.
        voxel_volume: cubic millimetres.
    """
    values = values.astype(np.float64)
    low, p10, p25, median, p75, p90, high = np.percentile(values, [0, 10, 25, 50, 75, 90, 100])
    mean = values.mean()
    if abs(mean) < ROUNDING * max(abs(low), abs(high)):
        mean = 0.0
    deviations = values - mean
    variance = np.mean(deviations**2)
    central = values[(values >= p10) & (values <= p90)]
    energy = np.sum((values + shift) ** 2)
    return {
        "energy": float(energy),
        "total_energy": float(energy * voxel_volume),
        **histogram(levels, int(levels.max())),
        "minimum": float(low),
        "p10": float(p10),
        "p90": float(p90),
        "maximum": float(high),
        "mean": float(mean),
        "median": float(median),
        "interquartile_range": float(p75 - p25),
        "range": float(high - low),
        "mean_absolute_deviation": float(np.abs(deviations).mean()),
        "robust_mean_absolute_deviation": float(np.abs(central - central.mean()).mean()),
        "root_mean_square": float(np.sqrt(energy / values.size)),
        "skewness": float(np.mean(deviations**3) / variance**1.5) if variance else 0.0,
        "kurtosis": float(np.mean(deviations**4) / variance**2) if variance else 0.0,
        "variance": float(variance),
    }


def textures(levels: Int32[np.ndarray, "z y x"]) -> dict[str, float]:
    """Return the 59 texture features that both versions of FRD have, named `family.feature`."""
    n = int(levels.max())
    n_voxels = int(np.count_nonzero(levels))
    lengths = np.arange(1, max(levels.shape) + 1)
    present, ranks = _ranked(levels)
    k = len(present)
    families = {
        "glcm": _mean([pair_features(*pairs, n) for pairs in neighbours(levels)]),
        "glrlm": _mean(
            [size_features(counts, lengths, n_voxels, present) for counts in runs(ranks, k)]
        ),
        "glszm": size_features(*glszm_matrix(ranks, k), n_voxels, present),
        "ngtdm": ngtdm(levels, n),
    }
    return {f"{family}.{k}": v for family, values in families.items() for k, v in values.items()}


def textures_of_v0(levels: Int32[np.ndarray, "z y x"]) -> dict[str, float]:
    """Return the 16 texture features that only version 0 has."""
    n = int(levels.max())
    present, ranks = _ranked(levels)
    counts = ngldm_matrix(ranks, len(present))
    gldm = size_features(counts, np.arange(1, 28), int(np.count_nonzero(levels)), present)
    pairs = list(neighbours(levels))
    averages = [p @ (lower + upper) for lower, upper, p in pairs]
    correlations = [_maximal_correlation(*each, n) for each in pairs]
    return {
        "glcm.sum_average": float(np.mean(averages)),
        "glcm.maximal_correlation": float(np.mean(correlations)),
        **{f"gldm.{name}": value for name, value in gldm.items() if name not in NOT_OF_GLDM},
    }


def _ranked(
    levels: Int32[np.ndarray, "z y x"],
) -> tuple[Int32[np.ndarray, " k"], Int32[np.ndarray, "z y x"]]:
    """Return the levels that occur, and the rank of each voxel's from 1; 0 outside the region."""
    present = np.unique(levels[levels > 0])
    ranks = np.searchsorted(present, levels) + (levels > 0)
    return present, ranks.astype(np.int32)


def _maximal_correlation(
    lower: np.ndarray, upper: np.ndarray, p: Float[np.ndarray, " n"], n_levels: int
) -> float:
    """Return the largest correlation that any functions of two neighbours' levels have.

    pyradiomics takes the root of the second eigenvalue of Q = D^-1 P D^-1 P, where P is the
    symmetric matrix of pairs and D the diagonal one of its margins. Q has the eigenvalues of
    D^-1/2 P D^-1/2, squared.
    """
    marginal = pair_marginal(lower, upper, p, n_levels)
    present = np.flatnonzero(marginal)
    if present.size < 2:
        return 1.0
    row, column = (np.searchsorted(present, level - 1) for level in (lower, upper))
    matrix = np.zeros((present.size, present.size))
    np.add.at(matrix, (row, column), p / 2)
    np.add.at(matrix, (column, row), p / 2)
    root = np.sqrt(marginal[present])
    values = np.abs(np.linalg.eigvalsh(matrix / root[:, None] / root))
    return float(np.sort(values)[-2])


def _mean(directions: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each feature over the directions."""
    return {name: float(np.mean([each[name] for each in directions])) for name in directions[0]}
