"""Segmentations that go with the volumes of a cohort."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Int

from evalsuite.errors import EvalsuiteError, FaultsError, VolumeError
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import reoriented
from evalsuite.volumes.read import is_volume, read_volume

COLUMN = "label"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The label map of one volume.

    Args:
        labels: 0 is background; axes run right, anterior, superior.
        spacing: millimetres per voxel.
    """

    labels: Int[np.ndarray, "x y z"]
    spacing: tuple[float, float, float]


def label_files(cohort: Cohort, folder: str | None) -> list[Path] | None:
    """Return the file with the segmentation of each volume, or None if the cohort has none.

    Args:
        cohort: whose volumes are asked for.
        folder: holds files of the same names as the volumes, in whatever format; without it, the column `label` of
            the cohort's table names them, relative to the table.

    Raises:
        EvalsuiteError: if some volumes have one and others have not, or a file is missing.
    """
    if folder is not None:
        root = Path(folder)
        if not root.is_dir():
            raise EvalsuiteError(
                f"{folder}: expected a folder with the label maps, but there is none."
            )
        files = [_beside(root, entry.id) for entry in cohort.entries]
    elif any(entry.covariates.get(COLUMN) for entry in cohort.entries):
        table = Path(cohort.source).parent
        files = [table / entry.covariates.get(COLUMN, "") for entry in cohort.entries]
    else:
        return None
    faults = [
        VolumeError(entry.path, f"it has no label map, expected {file}.")
        for entry, file in zip(cohort.entries, files, strict=True)
        if not file.is_file()
    ]
    if faults:
        raise FaultsError(faults, "Every volume of a cohort with label maps needs one.")
    return files


def read_labels(path: Path) -> Segmentation:
    """Read a segmentation.

    Raises:
        VolumeError: if it cannot be read or its values are not whole numbers from 0 on.
    """
    volume = reoriented(read_volume(path))
    labels = np.rint(volume.voxels).astype(np.int64)
    if labels.min() < 0 or np.abs(volume.voxels - labels).max() > 1e-3:
        raise VolumeError(path, "expected whole numbers from 0 on, as a label map has.")
    return Segmentation(labels, volume.spacing)


class Segmentations(Sequence[Segmentation]):
    """The segmentations of a cohort, read when asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Segmentation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Segmentation]: ...
    def __getitem__(self, index: int | slice) -> Segmentation | list[Segmentation]:
        if isinstance(index, slice):
            return [read_labels(file) for file in self._files[index]]
        return read_labels(self._files[index])


def _beside(root: Path, volume: str) -> Path:
    """Return the file of the same name, whatever its format, or where it was expected."""
    named = Path(volume)
    # Joined to an absolute path, the folder would vanish, and the volume be its own label map.
    exact = root / (named.name if named.is_absolute() else named)
    if exact.is_file():
        return exact
    stem = named.name.partition(".")[0]
    near = sorted(file for file in root.glob(f"{stem}.*") if is_volume(file))
    return near[0] if near else exact
