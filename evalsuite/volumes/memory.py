"""Volumes in memory, or listed one by one, as a cohort."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.geometry import Geometry, stated_geometry
from evalsuite.volumes.subjects import look_alike
from evalsuite.volumes.volume import Volume


@dataclass(frozen=True, slots=True)
class Volumes:
    """Volumes that are no folder, with what the columns of a table would say of them.

    Args:
        items: arrays or tensors, (x, y, z) each, with or without an axis of one channel; whole
            batches, (n, x, y, z) or (n, 1, x, y, z); `Volume` records with an affine; paths of
            files. A generator is read once, one volume at a time.
        spacing: millimetres per voxel along each axis of the arrays; 1 mm if it is not stated.
        orientation: the patient's directions in which the axes run, such as `LPS`; RAS if it is
            not stated.
        subjects: whom each volume shows; intervals and tests take each for one of its own if
            it is not stated.
        covariates: by name one value per volume, for `by`.
    """

    items: Iterable[Any]
    spacing: Sequence[float] | None = None
    orientation: str | None = None
    subjects: Sequence[object] | None = None
    covariates: Mapping[str, Sequence[object]] = field(default_factory=dict)


def listed(volumes: Volumes, name: str, folder: Path) -> Cohort:
    """Return the cohort of volumes that are no folder; arrays are written to disk, bit by bit.

    On disk they are what the same arrays saved as NumPy files are, so that results do not depend
    on where a volume was, nor does memory on how many a generator yields.

    Args:
        name: of the cohort.
        folder: for the files; must last as long as the cohort is used.

    Raises:
        EvalsuiteError: if there are none, one has not three axes, or the numbers of subjects,
            covariates and volumes differ.
    """
    stated = geometry_of(volumes, name)
    place = folder / name.replace("/", "_")
    place.mkdir(parents=True)
    entries = []
    for number, item in enumerate(_each(volumes.items, name)):
        if isinstance(item, str | Path):
            entries.append(Entry(str(item), Path(item).expanduser(), stated=stated))
        else:
            path = _written(item, place / f"volume {number}", f"{name}, volume {number}")
            entries.append(Entry(path.stem, path, stated=stated, lasting=False))
    if not entries:
        raise EvalsuiteError(f"{name}: there are no volumes. A generator can be read only once.")
    columns = dict(volumes.covariates)
    if volumes.subjects is not None:
        columns["subject"] = volumes.subjects
    for column, values in columns.items():
        if len(values) != len(entries):
            raise EvalsuiteError(
                f"{name}: {len(values)} values of {column} for {len(entries)} volumes; "
                "expected one for each."
            )
    entries = [
        replace(
            entry,
            subject=None if volumes.subjects is None else str(volumes.subjects[i]),
            covariates={key: str(values[i]) for key, values in volumes.covariates.items()},
        )
        for i, entry in enumerate(entries)
    ]
    paths = all(entry.path.parent != place for entry in entries)
    source = f"{len(entries)} volumes of {name}{'' if paths else ' in memory'}"
    warnings = tuple(look_alike(name, entries))
    return Cohort(name, "real", source, tuple(entries), warnings=warnings)


def geometry_of(volumes: Volumes, name: str) -> Geometry:
    """Return what is stated of the geometry of volumes.

    Args:
        name: of the cohort, for the message.

    Raises:
        EvalsuiteError: if it is none.
    """
    spacing = None if volumes.spacing is None else list(volumes.spacing)
    return stated_geometry(spacing, volumes.orientation, name)


def _each(items: Any, name: str) -> Iterable[Any]:
    axes = getattr(items, "ndim", None)
    if axes is not None and axes < 4:
        raise EvalsuiteError(
            f"{name}: one array of the shape {' x '.join(map(str, items.shape))}; expected volumes "
            "along its first axis, n x X x Y x Z, or a list of arrays."
        )
    return items  # type: ignore[no-any-return]


def _written(item: Any, stem: Path, told: str) -> Path:
    """Write one volume and return its file."""
    if isinstance(item, Volume):
        path = stem.with_name(f"{stem.name}.npz")
        np.savez(path, voxels=_array(item.voxels, told), affine=item.affine)
        return path
    path = stem.with_name(f"{stem.name}.npy")
    np.save(path, _array(item, told), allow_pickle=False)
    return path


def _array(item: Any, told: str) -> np.ndarray:
    """Return an array or tensor, wherever it lies, as NumPy has it."""
    if hasattr(item, "detach"):
        item = item.detach().cpu()
        if str(item.dtype) == "torch.bfloat16":  # which NumPy lacks
            item = item.float()
    array = np.ascontiguousarray(item)
    if array.ndim < 3 or array.dtype.kind not in "biuf":
        raise EvalsuiteError(
            f"{told}: {array.dtype.name} of {array.ndim} axes; expected numbers along x, y and z."
        )
    return array
