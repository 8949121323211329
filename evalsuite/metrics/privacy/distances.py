"""How far volumes are apart, in feature space and in voxel space, for the metric of privacy.

The distance of voxels sees through what a copy may be disguised by: another scale or offset of
intensities, mirrored axes, a displacement of a few voxels, noise.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.distances import spans
from evalsuite.metrics.metric import UndefinedError
from evalsuite.metrics.privacy.copies import Near, near

COARSE = 40  # voxels of an axis for each voxel of displacement that is tried at a time
REACH = 2  # displacements tried to either side
THIN = 12  # an axis of fewer voxels has no room for displacements
FLIPS = [(x, y, z) for x in (False, True) for y in (False, True) for z in (False, True)]
BLOCK = 256  # volumes compared at once
FLAT = 1e-5  # contrast, as a share of the largest value, below which a volume is uniform


class Distances(NamedTuple):
    """The smallest distances, of which the metric of privacy is made, in one space.

    Args:
        synthetic: from synthetic volumes to training volumes.
        holdout: from held-out real volumes to training volumes; as `training` where training
            volumes stand in for a hold-out.
        training: from training volumes to each other, infinite within a subject.
        to_holdout: from synthetic volumes to held-out ones, or None without a hold-out.
        of_training, of_holdout: from training and held-out volumes to synthetic ones, in order.
    """

    synthetic: Near
    holdout: Near
    training: Near
    to_holdout: Near | None
    of_training: Float[np.ndarray, "t k"]
    of_holdout: Float[np.ndarray, "m k"] | None


class Pose(NamedTuple):
    """How a volume has to be moved to lie on another: first displaced, then mirrored.

    Args:
        flips: per axis, whether it is mirrored.
        shift: voxels by which the content moves along each axis, before it is mirrored.
    """

    flips: tuple[bool, bool, bool]
    shift: tuple[int, int, int]


class Coarse(NamedTuple):
    """Volumes averaged over blocks of voxels, the blocks overlapping by half.

    Args:
        values: means of the blocks, one volume after the other.
        steps: voxels from one block to the next along each axis.
        overlaps: 2 where blocks overlap by half, 1 where a block is a single voxel.
        reaches: displacements tried to either side along each axis, in steps.
    """

    values: Float[Tensor, "n x y z"]
    steps: tuple[int, int, int]
    overlaps: tuple[int, int, int]
    reaches: tuple[int, int, int]

    @property
    def window(self) -> tuple[int, int, int]:
        """Blocks per axis of the part that stays in view under every displacement."""
        x, y, z = (
            (side - 2 * reach - 1) // overlap + 1
            for side, reach, overlap in zip(
                self.values.shape[1:], self.reaches, self.overlaps, strict=True
            )
        )
        return x, y, z

    @property
    def shifts(self) -> list[tuple[int, int, int]]:
        """All displacements that are tried, in steps."""
        x, y, z = (range(-reach, reach + 1) for reach in self.reaches)
        return list(itertools.product(x, y, z))

    def seen(
        self, values: Float[Tensor, "*n x y z"], shift: tuple[int, int, int]
    ) -> Float[Tensor, "*n k"]:
        """Return the blocks in the window after it was displaced, in a row."""
        spans = zip(self.window, self.overlaps, self.reaches, shift, strict=True)
        x, y, z = (slice(r + s, r + s + (k - 1) * o + 1, o) for k, o, r, s in spans)
        return values[..., x, y, z].flatten(-3)


def coarse(volumes: Sequence[Float[Tensor, "x y z"]], shape: tuple[int, int, int]) -> Coarse:
    """Return the means of blocks of two steps a side, about 15 to 30 blocks along each axis.

    Averaging takes out noise, and makes a displacement by half a step harmless.

    Args:
        volumes: at least one.
        shape: that all of them must have.

    Raises:
        ValueError: if a volume has another shape or values that are not finite.
    """
    x, y, z = (round(side / COARSE) for side in shape)
    steps = (max(x, 1), max(y, 1), max(z, 1))
    widths = [2 * n if n else 1 for n in (x, y, z)]
    # Cut evenly at both ends, so that mirrored volumes have mirrored blocks.
    spare = [(side - w) % step for side, w, step in zip(shape, widths, steps, strict=True)]
    cut = tuple(slice(s // 2, side - s + s // 2) for s, side in zip(spare, shape, strict=True))
    rows = []
    for i, volume in enumerate(volumes):
        if tuple(volume.shape) != shape:
            raise UndefinedError(
                f"Distances between voxels need volumes of one shape, but found {tuple(shape)} and "
                f"{tuple(volume.shape)} voxels. Preprocess all cohorts to one shape."
            )
        if not bool(volume.isfinite().all()):
            raise UndefinedError(
                f"Volume {i} has NaN or infinite voxels. Leave it out or mend its file."
            )
        whole = volume.detach().to("cpu", torch.float32)[cut]
        rows.append(torch.nn.functional.avg_pool3d(whole[None, None], widths, steps)[0, 0])
    a, b, c = (2 if width > 1 else 1 for width in widths)
    d, e, f = (REACH if side >= THIN else 0 for side in shape)
    return Coarse(torch.stack(rows), steps, (a, b, c), (d, e, f))


def voxel_distances(first: Coarse, second: Coarse) -> Float[np.ndarray, "a b"]:
    """Return the distances of volumes after the best alignment of intensities and position.

    The distance is sqrt(2 - 2 r), where r is Pearson's correlation of the blocks of two volumes,
    the greatest one over the 8 ways of mirroring axes and over displacements by up to two steps
    (at least two voxels) along each axis: the Euclidean distance of the two volumes once each has
    mean 0 and norm 1. 0 for a copy, sqrt(2) for volumes that have nothing in common and for
    uniform ones. The margin that a displacement may push out of view never counts.
    """
    return np.concatenate(list(_voxel_blocks(first, second)))


def _voxel_blocks(first: Coarse, second: Coarse) -> Iterator[Float[np.ndarray, "b m"]]:
    for start in range(0, len(first.values), BLOCK):
        templates = _templates(first, first.values[start : start + BLOCK])
        found = [_correlations(first, templates, values).amax(dim=1) for values in second.values]
        r = torch.stack(found, dim=1).double().numpy()
        yield np.sqrt(np.maximum(2 - 2 * r, 0))


def pose(first: Coarse, i: int, second: Coarse, j: int) -> Pose:
    """Return how volume j of the second has to be moved to lie on volume i of the first."""
    templates = _templates(first, first.values[i : i + 1])
    best = int(_correlations(first, templates, second.values[j])[0].argmax())
    flip, shift = divmod(best, len(first.shifts))
    x, y, z = (-s * step for s, step in zip(first.shifts[shift], first.steps, strict=True))
    return Pose(FLIPS[flip], (x, y, z))


def feature_distances(
    training: Float[Tensor, "t d"],
    holdout: Float[Tensor, "m d"] | None,
    synthetic: Float[Tensor, "n d"],
    subjects: Int[np.ndarray, " t"],
    memory: int,
) -> Distances:
    """Return Euclidean distances of features, exactly 0 between equal rows.

    Args:
        training, holdout, synthetic: features.
        subjects: of the training volumes.
        memory: bytes for those of some volumes to all others at a time.
    """
    from scipy.spatial.distance import cdist

    def blocks(
        first: Float[Tensor, "a d"], second: Float[Tensor, "b d"]
    ) -> Iterator[Float[np.ndarray, "r b"]]:
        # Beside the distances, their order, and those to other subjects, of both sides.
        side = max(1, memory // (8 * 8 * len(second)))
        for rows in spans(0, len(first), side):
            yield cdist(first[rows].double().numpy(), second.double().numpy())

    return _assembled(blocks, training, holdout, synthetic, subjects)


def all_voxel_distances(
    training: Coarse, holdout: Coarse | None, synthetic: Coarse, subjects: Int[np.ndarray, " t"]
) -> Distances:
    """Return the distances of `voxel_distances`; subjects are those of the training volumes."""
    return _assembled(_voxel_blocks, training, holdout, synthetic, subjects)


def _assembled(
    blocks: Callable[[Any, Any], Iterator[Float[np.ndarray, "_ _"]]],
    training: Any,
    holdout: Any,
    synthetic: Any,
    subjects: Int[np.ndarray, " t"],
) -> Distances:
    """Return all distances that are needed; without a hold-out, training volumes stand in.

    Args:
        blocks: returns the distances of two sets of volumes, some rows at a time.
        training, holdout, synthetic: such sets.
        subjects: of the training volumes.
    """

    def apart() -> Iterator[Float[np.ndarray, "_ _"]]:
        start = 0
        for block in blocks(training, training):
            own = subjects[start : start + len(block), None]
            block[own == subjects] = np.inf
            start += len(block)
            yield block

    within, _ = near(apart(), subjects)
    ours, of_training = near(blocks(synthetic, training), subjects)
    if holdout is None:
        return Distances(ours, within, within, None, of_training, None)
    theirs, _ = near(blocks(holdout, training), subjects)
    to_holdout, of_holdout = near(blocks(synthetic, holdout))
    return Distances(ours, theirs, within, to_holdout, of_training, of_holdout)


def _templates(grid: Coarse, values: Float[Tensor, "n x y z"]) -> Float[Tensor, "n f k"]:
    """Return the middle of each volume mirrored in every way, standardised."""
    axes = [
        [axis for axis, flip in zip((-3, -2, -1), flips, strict=True) if flip] for flips in FLIPS
    ]
    return standardised_rows(
        torch.stack([grid.seen(values.flip(a), (0, 0, 0)) for a in axes], dim=1)
    )


def _correlations(
    grid: Coarse, templates: Float[Tensor, "n f k"], values: Float[Tensor, "x y z"]
) -> Float[Tensor, "n p"]:
    """Return the correlation of each template with a volume in every pose, by flip and shift."""
    windows = standardised_rows(torch.stack([grid.seen(values, shift) for shift in grid.shifts]))
    return (templates.flatten(0, 1) @ windows.T).view(len(templates), -1)


def standardised_rows(rows: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
    """Return rows of mean 0 and norm 1; 0 where a row is uniform but for rounding."""
    largest = rows.abs().amax(dim=-1, keepdim=True)
    rows = rows - rows.mean(dim=-1, keepdim=True)
    norm = rows.norm(dim=-1, keepdim=True)
    flat = norm <= FLAT * largest * rows.shape[-1] ** 0.5
    return torch.where(flat, 0.0, rows / norm.clamp_min(torch.finfo(rows.dtype).tiny))
