"""The volumes of a cohort as metrics and figures see them: after preprocessing, read lazily."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from jaxtyping import Float

from evalsuite.memory import Kept
from evalsuite.records import MidSlices
from evalsuite.volumes.cohort import Cohort, Entry, VolumeInfo
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.resampling import on_grid, same_grid
from evalsuite.volumes.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 6  # volumes of each cohort in the mosaic


class PreprocessedVolumes(Sequence["Tensor"]):
    """The volumes of a cohort after preprocessing, read when asked for, the last ones kept.

    Args:
        cohort: a checked cohort.
        preprocessing: resolved steps.
        kept: where volumes that were read stay for a while, those of other cohorts too.
        onto: for each volume the one on whose grid it is first interpolated where it lies on
            another.
    """

    def __init__(
        self,
        cohort: Cohort,
        preprocessing: Preprocessing,
        kept: Kept,
        onto: Sequence[VolumeInfo] | None = None,
    ) -> None:
        self._entries, self._preprocessing = cohort.entries, preprocessing
        self._kept, self._onto = kept, onto

    def _load(self, index: int) -> "Tensor":
        import torch

        def read() -> "Tensor":
            volume = self._entries[index].read()
            if self._onto is not None:
                volume = _on_grid_of(volume, self._onto[index])
            return torch.from_numpy(self._preprocessing.apply(volume).voxels)

        return self._kept.get((self, index), read)  # not its id, which is used again

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> "Tensor": ...
    @overload
    def __getitem__(self, index: slice) -> "list[Tensor]": ...
    def __getitem__(self, index: int | slice) -> "Tensor | list[Tensor]":
        if isinstance(index, slice):
            return [self._load(i) for i in range(len(self))[index]]
        return self._load(range(len(self))[index])


def _on_grid_of(volume: Volume, other: VolumeInfo) -> Volume:
    """Return the volume, interpolated where it lies on another grid; beyond it is its smallest."""
    if same_grid((volume.shape, volume.affine), (other.shape, other.affine)):
        return volume
    lowest = float(volume.voxels.min())
    voxels = on_grid(volume, other.affine, other.shape, order=1, outside=lowest)
    return Volume(voxels, other.affine)


def load_preprocessed(entry: Entry, preprocessing: Preprocessing) -> Float[np.ndarray, "x y z"]:
    """Return the voxels of a volume after all steps."""
    return preprocessing.apply(entry.read()).voxels


def mid_slices(cohort: Cohort, resolved: Preprocessing) -> tuple[MidSlices, ...]:
    """Return the middle slices of the first few volumes of a checked cohort."""
    shown = []
    for entry in cohort.entries[:SHOWN]:
        volume = resolved.apply(entry.read())
        x, y, z = (n // 2 for n in volume.shape)
        shown.append(
            MidSlices(
                volume=entry.id,
                sagittal=volume.voxels[x],
                coronal=volume.voxels[:, y],
                axial=volume.voxels[:, :, z],
                spacing=volume.spacing,
            )
        )
    return tuple(shown)
