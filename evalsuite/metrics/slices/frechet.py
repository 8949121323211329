"""The Frechet distance of slices, plane by plane (2.5D), by a small fixed descriptor."""

import numpy as np
import torch
from jaxtyping import Float

from evalsuite.metrics.frechet_distance import MOST_DIVISIONS, frechet_distance
from evalsuite.metrics.frechet_influence import unit_influence
from evalsuite.metrics.frechet_sampling import error_of, sampled
from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.slices.profiles import FEWEST_SLICES, TINY
from evalsuite.metrics.subjects import Subjects

SLICES = 16  # of each volume, evenly spaced
TILES = 4  # by as many
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LAGS = (1, 2, 4)  # voxels
LENGTH = TILES**2 + len(QUANTILES) + len(LAGS)
DESCRIPTOR = (
    f"means of {TILES} x {TILES} tiles, quantiles {', '.join(f'{q:g}' for q in QUANTILES)} and log"
    f" mean squared difference at {', '.join(map(str, LAGS))} voxels, in all {LENGTH} numbers"
)


def described(inside: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "3 slices d"]:
    """Return the descriptors of evenly spaced slices across x, y and z, without padding.

    nan for a volume with too few slices across an axis.

    Args:
        inside: the box with content.
    """
    if min(inside.shape) < FEWEST_SLICES:
        return np.full((3, SLICES, LENGTH), np.nan)
    found = []
    for axis, side in enumerate(inside.shape):
        chosen = np.linspace(0, side - 1, SLICES + 2)[1:-1].round().astype(np.int64)
        found.append(_descriptors(np.moveaxis(np.take(inside, chosen, axis), axis, 0)))
    return np.array(found)


def _descriptors(slices: Float[np.ndarray, "k h w"]) -> Float[np.ndarray, "k d"]:
    rows, columns = (np.arange(TILES) * side // TILES for side in slices.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(slices, rows, axis=1), columns, axis=2)
    sizes = np.outer(
        *(
            np.diff([*starts, side])
            for starts, side in zip((rows, columns), slices.shape[1:], strict=True)
        )
    )
    flat = slices.reshape(len(slices), -1)
    steps = [
        np.square(slices[:, lag:] - slices[:, :-lag]).mean(axis=(1, 2))
        + np.square(slices[:, :, lag:] - slices[:, :, :-lag]).mean(axis=(1, 2))
        for lag in LAGS
    ]
    floor = TINY * slices.var()
    return np.column_stack(
        [
            (sums / sizes).reshape(len(slices), -1),
            np.quantile(flat, QUANTILES, axis=1).T,
            np.log(np.array(steps).T + floor + TINY**2),
        ]
    )


def scaled(
    real: Float[np.ndarray, "m slices d"], synthetic: Float[np.ndarray, "n slices d"]
) -> tuple[Float[np.ndarray, "m slices d"], Float[np.ndarray, "n slices d"]]:
    """Return both in standard deviations of the real slices; what is constant there is centred."""
    centre, spread = real.mean(axis=(0, 1)), real.std(axis=(0, 1))
    spread = np.where(spread > TINY * (np.abs(centre) + TINY), spread, 1.0)
    return (real - centre) / spread, (synthetic - centre) / spread


def between(
    real: Float[np.ndarray, "m slices d"], synthetic: Float[np.ndarray, "n slices d"]
) -> float:
    """Return the distance of the slices of two cohorts."""
    return frechet_distance(
        *(torch.from_numpy(slices).flatten(0, 1) for slices in (real, synthetic))
    )


def standard_error(
    real: Float[np.ndarray, "m slices d"],
    synthetic: Float[np.ndarray, "n slices d"],
    subjects: Subjects,
    seed: int,
) -> float:
    """Return the standard error of `between` over subjects, see `frechet_sampling`.

    Args:
        real, synthetic: `scaled`, the error of which is a part of it.
    """
    pair = torch.from_numpy(real), torch.from_numpy(synthetic)
    units = unit_influence(*(slices.flatten(0, 1) for slices in pair))
    drawn = sampled(*pair, subjects, divisions=MOST_DIVISIONS, seed=seed, units=units)
    return error_of(drawn).size


def within(real: Float[np.ndarray, "m slices d"], subjects: Subjects, seed: int) -> float | None:
    """Return the distance to expect of two real samples of the sizes compared, None if unknown."""
    return expected_distance(torch.from_numpy(real), subjects.real, subjects.counts, seed=seed)
