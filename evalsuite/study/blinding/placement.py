"""Where the anatomy lies and which way round, of each case against all others.

What is learnt of all cases is learnt without their roles, so a permutation of the roles is as
likely as the roles themselves.
"""

import numpy as np
from jaxtyping import Float

from evalsuite.study.blinding.axes import AXES

GRID = 32  # blocks along an axis, at most
ROUNDS = 3  # of aligning to the mean of the aligned
PATTERNS = 2  # of asymmetry
FAINT = 1e-4  # of the strongest, below which a pattern is a rounding error
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
    right, front or head. The side of an asymmetry is 1 or 0 by the sign of a case's part of the
    strongest patterns that mirroring along an axis reverses (principal components about zero), so
    that it parts a cohort that was mirrored from one that was not.
    """
    cues = {}
    for axis, places in enumerate(_places(portraits).T):
        cues[f"{POSITION} {AXES[axis]}"] = places
    for axis, name in enumerate(AXES):
        odd = (portraits - np.flip(portraits, axis + 1)).reshape(len(portraits), -1)
        odd /= np.maximum(np.linalg.norm(odd, axis=1, keepdims=True), 1e-9)
        sizes, vectors = np.linalg.eigh(odd @ odd.T)
        for pattern in range(min(PATTERNS, len(sizes))):
            # A pattern that no case has would be some order of the cases.
            sides = vectors[:, -1 - pattern] * (sizes[-1 - pattern] > FAINT * sizes[-1])
            again = ", second pattern" * pattern
            cues[f"{SIDE} {name}{again}"] = (sides > 0).astype(float)
    return cues


def _places(portraits: Float[np.ndarray, "n i j k"]) -> Float[np.ndarray, "n 3"]:
    """Return for each case how far it lies from the mean of all, in blocks."""
    shape = portraits.shape[1:]
    window = np.ones(())
    for axis, size in enumerate(shape):
        window = window * _along(np.hanning(size + 2)[1:-1], axis)
    centred = (portraits - portraits.mean(axis=(1, 2, 3), keepdims=True)) * window
    centred /= np.maximum(np.sqrt((centred**2).sum(axis=(1, 2, 3), keepdims=True)), 1e-9)
    spectra = np.fft.rfftn(centred, axes=(1, 2, 3))
    frequencies = [np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2])]
    places = np.zeros((len(portraits), 3))
    for _ in range(ROUNDS):
        turns = sum(
            places[:, axis, None, None, None] * _along(along, axis)
            for axis, along in enumerate(frequencies)
        )
        template = (spectra * np.exp(2j * np.pi * turns)).mean(axis=0)
        fits = np.fft.irfftn(spectra * template.conj(), s=shape, axes=(1, 2, 3))
        places = np.array([_peak(fit) for fit in fits])
    return places


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
