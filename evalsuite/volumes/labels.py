"""Segmentations that go with the volumes of a cohort."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float, Int

from evalsuite.errors import EvalsuiteError, FaultsError, VolumeError
from evalsuite.volumes.cohort import Cohort, VolumeInfo
from evalsuite.volumes.formats.loaded import Loaded
from evalsuite.volumes.read import is_volume, load
from evalsuite.volumes.resampling import on_grid, oriented, oriented_grid, same_grid
from evalsuite.volumes.volume import Volume

COLUMN = "label"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The label map of one volume.

    Args:
        labels: 0 is background; axes run right, anterior, superior.
        spacing: millimetres per voxel.
        affine: maps voxels to RAS+ millimetres.
    """

    labels: Int[np.ndarray, "x y z"]
    spacing: tuple[float, float, float]
    affine: Float[np.ndarray, "4 4"] = field(default_factory=lambda: np.eye(4), compare=False)


def label_files(cohort: Cohort, folder: str | None) -> list[Path] | None:
    """Return the file with the segmentation of each volume, or None if the cohort has none.

    Args:
        cohort: whose volumes are asked for.
        folder: holds files of the same names as the volumes, in whatever format; without it, the
            column `label` of the cohort's table names them, relative to the table.

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


def read_labels(path: Path, affine: Float[np.ndarray, "4 4"] | None = None) -> Segmentation:
    """Read a segmentation.

    Args:
        affine: of its volume, where it lies on the same voxels as stored; None: its own.

    Raises:
        VolumeError: if it cannot be read or its values are not whole numbers from 0 on.
    """
    return _segmentation(path, load(path, labels=True), affine)


def _segmentation(
    path: Path, loaded: Loaded, affine: Float[np.ndarray, "4 4"] | None
) -> Segmentation:
    stored = loaded.volume
    volume = oriented(stored if affine is None else Volume(stored.voxels, affine))
    labels = np.rint(volume.voxels).astype(np.int64)
    if labels.min() < 0 or np.abs(volume.voxels - labels).max() > 1e-3:
        raise VolumeError(path, "expected whole numbers from 0 on, as a label map has.")
    return Segmentation(labels, volume.spacing, volume.affine)


@dataclass(frozen=True, slots=True)
class Segmentations(Sequence[Segmentation]):
    """The checked segmentations of a cohort, read when asked for.

    Args:
        files: one per volume, in the order of the cohort.
        digests: SHA-256 of each.
        affines: of the volumes, for maps that lie on their voxels as stored; None: their own.
        structures: the values that occur in any of them, without 0, in rising order.
    """

    files: tuple[Path, ...]
    digests: tuple[str, ...]
    affines: tuple[Float[np.ndarray, "4 4"] | None, ...] = field(compare=False, repr=False)
    structures: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over those of the files in their order."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Segmentation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Segmentation]: ...
    def __getitem__(self, index: int | slice) -> Segmentation | list[Segmentation]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        return read_labels(self.files[index], self.affines[index])


class OnGrids(Sequence[Segmentation]):
    """Segmentations on the grids of other volumes, by the nearest voxel, read when asked for.

    Those that lie there already are left as they are; beyond a map is background.

    Args:
        maps: of a cohort.
        onto: for each map the volume on whose grid it is to lie.
    """

    def __init__(self, maps: Sequence[Segmentation], onto: Sequence[VolumeInfo]) -> None:
        self._maps, self._onto = maps, onto

    def __len__(self) -> int:
        return len(self._maps)

    @overload
    def __getitem__(self, index: int) -> Segmentation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Segmentation]: ...
    def __getitem__(self, index: int | slice) -> Segmentation | list[Segmentation]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        found, other = self._maps[index], self._onto[index]
        shape, affine = oriented_grid(other.shape, other.affine)
        if same_grid((found.labels.shape, found.affine), (shape, affine)):
            return found
        moved = on_grid(
            Volume(found.labels.astype(np.float32), found.affine), affine, shape, order=0
        )
        spacing = Volume(moved, affine).spacing
        return Segmentation(np.rint(moved).astype(np.int64), spacing, affine)


def check_labels(
    cohort: Cohort, files: Sequence[Path], advance: Callable[[], None] = lambda: None
) -> Segmentations:
    """Read every label map and make sure that it lies on the grid of its volume.

    Both grids are turned to run right, anterior and superior first: a map that is stored in another
    orientation than its volume is as good. Where the file of either does not state its geometry,
    the map is taken to lie voxel by voxel on its volume.

    Args:
        cohort: checked.
        files: one per volume, from `label_files`.
        advance: called once for every file.

    Raises:
        FaultsError: with every map that cannot be read, is none, or lies elsewhere.
    """
    faults: list[VolumeError] = []
    digests: list[str] = []
    affines: list[Float[np.ndarray, "4 4"] | None] = []
    values: set[int] = set()
    for info, file in zip(cohort.infos, files, strict=True):
        try:
            loaded = load(file, labels=True)
            affine = info.affine if _on_its_voxels(file, loaded, info) else None
            found = _segmentation(file, loaded, affine)
            _refuse_another_grid(file, found, info)
            affines.append(affine)
            digests.append(loaded.digest)
            values.update(np.unique(found.labels).tolist())
        except VolumeError as fault:
            faults.append(fault)
        advance()
    if faults:
        raise FaultsError(
            faults, f"Each volume of {cohort.name} needs a label map on its own grid."
        )
    structures = tuple(sorted(values - {0}))
    return Segmentations(tuple(files), tuple(digests), tuple(affines), structures)


def _on_its_voxels(file: Path, loaded: Loaded, info: VolumeInfo) -> bool:
    """Tell whether a map must be taken to lie on the stored voxels of its volume."""
    if not loaded.remarks.unstated and not info.remarks.unstated:
        return False
    if info.remarks.shear:
        raise VolumeError(
            file,
            f"it does not state its geometry, but its volume {info.path} lies on a sheared grid. "
            "Write it again with the affine of the volume.",
        )
    return loaded.volume.shape == info.shape


def _refuse_another_grid(file: Path, found: Segmentation, info: VolumeInfo) -> None:
    expected = oriented(Volume(np.broadcast_to(np.float32(0), info.shape), info.affine))
    if found.labels.shape != expected.shape:
        ours, theirs = (" x ".join(map(str, s)) for s in (found.labels.shape, expected.shape))
        raise VolumeError(file, f"it has {ours} voxels, but its volume {info.path} has {theirs}.")
    last = np.array(expected.shape) - 1
    corners = np.array([(*(last * corner), 1) for corner in np.ndindex(2, 2, 2)])
    apart = np.linalg.norm((corners @ (found.affine - expected.affine).T)[:, :3], axis=1).max()
    if apart > min(expected.spacing) / 2:
        raise VolumeError(
            file,
            f"by its affine it lies up to {apart:.3g} mm off its volume {info.path}. Write it again"
            " with the affine of the volume.",
        )


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
