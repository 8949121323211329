"""How far the slices of a volume are from holding together as those of real volumes do.

Everything is judged by the real cohort alone, and a real volume by the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from evalsuite.metrics.slices.profiles import CUES, PERIODS, PLANES, Profiles
from evalsuite.metrics.subjects import count

FOLDS = 20  # of the real cohort; each is judged by the others, so leave-one-out up to 20 volumes
NORMAL = 1.4826  # standard deviations per median absolute deviation


class Deviations(NamedTuple):
    """How unlike real volumes n volumes are, in robust standard deviations.

    Args:
        largest: across each axis by each cue, over the slices; nan where undefined.
        place: where on the grid of positions that was, -1 where undefined.
    """

    largest: Float[np.ndarray, "n 3 cues"]
    place: Int[np.ndarray, "n 3 cues"]


def gridded(
    volumes: Sequence[tuple[Profiles | None, ...]], name: str, axis: int, points: int
) -> Float[np.ndarray, "n _"]:
    """Return a profile of every volume at equal relative positions; nan where there is none.

    Each position takes the value of the slice that it falls on, so that no value is averaged away
    while there are as many points as slices. Periods are positions already.
    """
    found = [getattr(v[axis], name) if v[axis] else None for v in volumes]
    if name == "periodicity":
        points = len(PERIODS)
    rows = np.full((len(volumes), points), np.nan)
    for row, values in zip(rows, found, strict=True):
        if values is not None:
            row[:] = values[nearest(len(values), points)]
    return rows


def nearest(slices: int, points: int) -> Int[np.ndarray, " points"]:
    """Return which of the slices each of the points falls on."""
    return ((np.arange(points) + 0.5) * slices / points).astype(np.int64)


def folds(subjects: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " _"]]:
    """Return the indices of volumes in up to `FOLDS` parts, no subject in two of them."""
    parts = min(count(subjects), FOLDS)
    return [np.flatnonzero(subjects % parts == part) for part in range(parts)]


def grids(
    volumes: Sequence[tuple[Profiles | None, ...]], shape: tuple[int, ...]
) -> list[Float[np.ndarray, "n _"]]:
    """Return the gridded profiles for each plane and cue, cues running fastest."""
    return [gridded(volumes, cue.name, axis, shape[axis]) for axis in range(3) for cue in CUES]


def median(values: Float[np.ndarray, "n p"]) -> Float[np.ndarray, " p"]:
    """Return the median of each column without its nan; nan where there is nothing else."""
    ordered = np.sort(values, axis=0)
    known = np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    low, high = ordered[np.maximum(known - 1, 0) // 2, columns], ordered[known // 2, columns]
    middle: Float[np.ndarray, " p"] = (low + high) / 2
    return middle


def robust_z(
    values: Float[np.ndarray, "n p"], reference: Float[np.ndarray, "m p"]
) -> Float[np.ndarray, "n p"]:
    """Return (value - median) / (1.4826 MAD), median and MAD of the reference at each position.

    A MAD below half of the median one over positions is raised to it: with few volumes one of many
    is small by chance.
    """
    centre = median(reference)
    spread = NORMAL * median(np.abs(reference - centre))
    spread = np.fmax(spread, median(spread[:, None])[0] / 2)
    z: Float[np.ndarray, "n p"] = (values - centre) / np.where(spread > 0, spread, np.inf)
    return z


def deviations(
    judged: Sequence[Float[np.ndarray, "n _"]], reference: Sequence[Float[np.ndarray, "m _"]]
) -> Deviations:
    """Return the largest robust z-score over the slices, by plane and cue.

    Args:
        judged, reference: from `grids`.
    """
    largest, place = [], []
    for i, (values, known) in enumerate(zip(judged, reference, strict=True)):
        z = robust_z(values, known)
        z = np.abs(z) if CUES[i % len(CUES)].two_sided else z
        z = np.where(np.isnan(z), -np.inf, z)
        place.append(z.argmax(axis=1))
        largest.append(z.max(axis=1))
    shape = (-1, len(PLANES), len(CUES))
    top = np.stack(largest, axis=1).reshape(shape)
    return Deviations(np.where(np.isinf(top), np.nan, top), np.stack(place, axis=1).reshape(shape))


def judge(
    real: Sequence[Float[np.ndarray, "m _"]],
    synthetic: Sequence[Float[np.ndarray, "n _"]],
    subjects: Int[np.ndarray, " m"],
) -> tuple[Deviations, Deviations]:
    """Return how unlike real volumes each is: its largest z-scores against those of real volumes.

    Twice standardised: a slice against the same position of real volumes, and the worst slice of
    a volume against the worst of real volumes, which makes planes and cues comparable, however
    many slices they have. Each twentieth of the real subjects is judged by the others.

    Args:
        real, synthetic: from `grids`.
        subjects: of the real volumes.
    """
    m = len(real[0])
    worst, place = np.full((m, 3, len(CUES)), np.nan), np.zeros((m, 3, len(CUES)), int)
    for part in folds(subjects):
        others = np.setdiff1d(np.arange(m), part)
        found = deviations([g[part] for g in real], [g[others] for g in real])
        worst[part], place[part] = found
    flat = worst.reshape(m, -1)
    unlike = np.full_like(flat, np.nan)
    for part in folds(subjects):
        unlike[part] = robust_z(flat[part], np.delete(flat, part, axis=0))
    theirs = deviations(synthetic, real)
    new = robust_z(theirs.largest.reshape(len(synthetic[0]), -1), flat)
    return (
        Deviations(unlike.reshape(worst.shape), place),
        Deviations(new.reshape(theirs.largest.shape), theirs.place),
    )
