"""Where the anatomy lies and which way round, of each case against all others.

What is learnt of all cases is learnt without their roles, so a permutation of the roles is as
likely as the roles themselves.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex, Float

from evalsuite.study.blinding.axes import AXES

GRID = 32  # blocks along an axis, at most
ROUNDS = 4  # of aligning to the mean of the aligned
PATTERNS = 2  # of asymmetry
FAINT = 1e-6  # share of the asymmetry, below which a pattern is a rounding error
POSITION = "position"  # what names of cues begin with
SIDE = "side of the asymmetry"


def portrait(voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "i j k"]:
    """Return the means of blocks of a case, at most `GRID` along an axis."""
    coarse = voxels
    for axis, size in enumerate(voxels.shape):
        starts = np.arange(0, size, -(-size // GRID))
        lengths = np.diff(np.append(starts, size))
        coarse = np.add.reduceat(coarse, starts, axis=axis) / _along(lengths, axis)
    means: Float[np.ndarray, "i j k"] = coarse.astype(np.float32)
    return means


def placement_cues(
    portraits: Float[np.ndarray, "n i j k"],
) -> dict[str, Float[np.ndarray, " n"]]:
    """Return for each cue its value in every case.

    The position along an axis is where the case fits the mean of all best, in blocks towards the
    right, front or head. The side of an asymmetry is the sign of a case's part of the strongest
    patterns that mirroring along an axis reverses (principal components about zero), so that it
    parts a cohort that was mirrored from one that was not; its size, the same for all cases, is
    the share of the asymmetry that the pattern makes up, most along the axis of the mirror.
    """
    places, aligned = _aligned(portraits - portraits.mean(axis=(1, 2, 3), keepdims=True))
    cues = {f"{POSITION} {name}": along for name, along in zip(AXES, places.T, strict=True)}
    # About the middle of the anatomy, so that no shift is taken for a mirror.
    for axis, name in enumerate(AXES):
        odd = (aligned - np.flip(aligned, axis + 1)).reshape(len(aligned), -1)
        odd /= np.maximum(np.linalg.norm(odd, axis=1, keepdims=True), 1e-9)
        sizes, vectors = np.linalg.eigh(odd @ odd.T)
        for pattern in range(min(PATTERNS, len(sizes))):
            # A pattern that no case has would be some order of the cases.
            share = sizes[-1 - pattern] / len(sizes)
            sides = np.sign(vectors[:, -1 - pattern]) * (share if share > FAINT else 0.0)
            cues[f"{SIDE} {name}{', second pattern' * pattern}"] = sides
    return cues


def _aligned(
    pictures: Float[np.ndarray, "n i j k"],
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n i j k"]]:
    """Return how far each case lies from the mean of all, in blocks, and the cases moved there.

    Those are weighted by a Hann window; each round looks through it at what the last one moved,
    since the place of the window would draw that of the anatomy to itself.
    """
    shape = pictures.shape[1:]
    window = np.ones(())
    for axis, size in enumerate(shape):
        window = window * _along(np.hanning(size + 2)[1:-1], axis)
    spectra = np.fft.rfftn(pictures, axes=(1, 2, 3))
    places = np.zeros((len(pictures), 3))
    for _ in range(ROUNDS):
        moved = np.fft.irfftn(_moved_back(spectra, places, shape), s=shape, axes=(1, 2, 3)) * window
        lengths = np.sqrt((moved**2).sum(axis=(1, 2, 3), keepdims=True))
        seen = np.fft.rfftn(moved / np.maximum(lengths, 1e-9), axes=(1, 2, 3))
        fits = np.fft.irfftn(seen * seen.mean(axis=0).conj(), s=shape, axes=(1, 2, 3))
        places = places + np.array([_peak(fit) for fit in fits])
    moved = np.fft.irfftn(_moved_back(spectra, places, shape), s=shape, axes=(1, 2, 3))
    return places, moved * window


def _moved_back(
    spectra: Complex[np.ndarray, "n i j m"],
    places: Float[np.ndarray, "n 3"],
    shape: Sequence[int],
) -> Complex[np.ndarray, "n i j m"]:
    """Return the spectra of pictures moved cyclically from their places to the common one."""
    frequencies = [*map(np.fft.fftfreq, shape[:2]), np.fft.rfftfreq(shape[2])]
    turns = sum(
        places[:, axis, None, None, None] * _along(along, axis)
        for axis, along in enumerate(frequencies)
    )
    moved: Complex[np.ndarray, "n i j m"] = spectra * np.exp(2j * np.pi * turns)
    return moved


def _peak(fit: Float[np.ndarray, "i j k"]) -> list[float]:
    """Return where the cyclic fit is largest, between the voxels, as a shift from zero."""
    top = np.unravel_index(int(fit.argmax()), fit.shape)
    place = []
    for axis, at in enumerate(top):
        size = fit.shape[axis]
        line = fit[tuple(slice(None) if other == axis else top[other] for other in range(3))]
        before, here, after = (float(line[(at + step) % size]) for step in (-1, 0, 1))
        bend = before - 2 * here + after
        between = (before - after) / (2 * bend) if bend < 0 else 0.0
        place.append((at + size // 2) % size - size // 2 + between)
    return place


def _along(values: Float[np.ndarray, " m"], axis: int) -> Float[np.ndarray, "i j k"]:
    """Return the values along one axis of three."""
    return values.reshape([-1 if other == axis else 1 for other in range(3)])
