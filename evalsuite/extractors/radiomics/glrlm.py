"""Grey level run lengths: how far a level goes on along a line (IBSI section 3.7)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, Integer

from evalsuite.extractors.radiomics.directions import padded
from evalsuite.extractors.radiomics.sizes import size_features


def runs(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
) -> Iterator[Int[np.ndarray, "levels lengths"]]:
    """Yield, for each of 13 directions, the number of runs of each level and length (from 1)."""
    flat, strides = padded(levels)
    longest = max(levels.shape)
    cells = (n_levels + 1) * (longest + 1)
    for stride in strides:
        # Reshaped to rows of one stride, every column is a line of voxels; it starts in the
        # padding, whose zeros also end it, so all lines can be read one after another.
        rows = np.zeros((-(-flat.size // stride), stride), flat.dtype)
        rows.ravel()[: flat.size] = flat
        lines = rows.T.ravel()
        starts = np.flatnonzero(lines[1:] != lines[:-1]) + 1
        cell = lines[starts[:-1]].astype(np.intp)
        cell *= longest + 1
        cell += np.minimum(np.diff(starts), longest)  # only those of zeros may be longer
        counts = np.bincount(cell, minlength=cells)
        yield counts.reshape(n_levels + 1, longest + 1)[1:, 1:]


def glrlm_matrix(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
) -> Int[np.ndarray, "levels lengths"]:
    """Return the number of runs of each level and length (from 1), merged over 13 directions."""
    merged: Int[np.ndarray, "levels lengths"] = np.sum(list(runs(levels, n_levels)), axis=0)
    return merged


def glrlm(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return the 16 run length features.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.7, aggregation IAZD (3D, merged).
    """
    counts = glrlm_matrix(levels, n_levels)
    lengths = np.arange(1, counts.shape[1] + 1)
    return size_features(counts, lengths, 13 * int(np.count_nonzero(levels)))
