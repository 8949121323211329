"""The Frechet distance of slices, plane by plane (2.5D), by a small fixed descriptor."""

import numpy as np
import torch
from jaxtyping import Float, Int

from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.slices.profiles import FEWEST_SLICES, TINY
from evalsuite.metrics.subjects import Subjects, count

SLICES = 16  # of each volume, evenly spaced
TILES = 4  # by as many
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LAGS = (1, 2, 4)  # voxels
LENGTH = TILES**2 + len(QUANTILES) + len(LAGS)
GROUPS = 20  # of subjects, each left out in turn by the jackknife
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


def frechet(real: Float[np.ndarray, "m d"], synthetic: Float[np.ndarray, "n d"]) -> float:
    """Return the squared Frechet distance of Gaussians fitted to the rows.

    |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2), for d well below m and n; the
    eigenvalues of S_1 S_2 are real and not negative (Heusel et al., NeurIPS 2017, equation 6).
    """
    S1, S2 = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (real, synthetic))
    shift = np.square(real.mean(axis=0) - synthetic.mean(axis=0)).sum()
    overlap = np.sqrt(np.linalg.eigvals(S1 @ S2).real.clip(min=0)).sum()
    return float(max(0.0, shift + np.trace(S1) + np.trace(S2) - 2 * overlap))


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
    return frechet(real.reshape(-1, real.shape[-1]), synthetic.reshape(-1, synthetic.shape[-1]))


def standard_error(
    real: Float[np.ndarray, "m slices d"],
    synthetic: Float[np.ndarray, "n slices d"],
    subjects: Subjects,
) -> float:
    """Return the standard error of `between` by leaving out groups of subjects of either cohort."""

    def jackknife(values: Float[np.ndarray, " g"]) -> float:
        return float(np.square(values - values.mean()).sum() * (len(values) - 1) / len(values))

    def without(codes: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " _"]]:
        parts = min(count(codes), GROUPS)
        return [np.flatnonzero(codes % parts != part) for part in range(parts)]

    left = np.array([between(real[kept], synthetic) for kept in without(subjects.real)])
    right = np.array([between(real, synthetic[kept]) for kept in without(subjects.synthetic)])
    return float(np.sqrt(jackknife(left) + jackknife(right)))


def within(real: Float[np.ndarray, "m slices d"], subjects: Subjects, seed: int) -> float | None:
    """Return the distance to expect of two real samples of the sizes compared, None if unknown."""
    rows = torch.from_numpy(real.reshape(-1, real.shape[-1]))
    sizes = count(subjects.real), count(subjects.synthetic)
    return expected_distance(rows, subjects.real.repeat(real.shape[1]), sizes, seed=seed)
