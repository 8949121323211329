"""What the code of others returns -> samples: arrays, tensors, images, files, dictionaries."""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sized
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.volumes.geometry import PARTS, Geometry, Part
from evalsuite.volumes.memory import Volumes, geometry_of, listed
from evalsuite.volumes.read import load
from evalsuite.volumes.volume import Volume
from generator.sources.source import Sample


def samples_of(
    made: Any,
    count: int,
    name: str,
    stated: Geometry,
    channels: tuple[str, ...],
    columns: Mapping[str, str],
) -> list[Sample]:
    """Return so many samples.

    Args:
        made: volumes one after the other, such as a list, an iterator, an array (n, x, y, z) or
            (n, c, x, y, z), or `Volumes`. A volume is an array or tensor (x, y, z) or (c, x, y, z),
            an image of nibabel, a `Volume`, a path, or a dictionary of these by name, of which the
            first is evaluated. An affine that is the identity states nothing: it is what images
            have whose makers knew none.
        count: how many are expected; an iterator is not asked for more.
        name: of the generator, for messages.
        stated: geometry of volumes that state none.
        channels: names of the channels of an array; else they are numbered.
        columns: of the manifest, for every sample; those of `Volumes` are added.

    Raises:
        EvalsuiteError: if they are not so many volumes.
    """
    extra: list[dict[str, str]] = [{} for _ in range(count)]
    if isinstance(made, Volumes):
        stated = geometry_of(made, name).before(stated)
        told = dict(made.covariates)
        if made.subjects is not None:
            told["subject"] = made.subjects
        extra = _columns(told, count, name)
        made = made.items
    items = _items(made, count, name)
    images = [_named(item, channels) for item in items]
    flat = [image for each in images for image in each.values()]
    with tempfile.TemporaryDirectory(prefix="evalsuite-") as folder:
        files = [_plain(item, Path(folder) / f"{i}.nii") for i, item in enumerate(flat)]
        cohort = listed(Volumes(files), name, Path(folder) / "arrays")
        read = iter([_read(entry.path, stated, name) for entry in cohort.entries])
    samples = []
    for each, more in zip(images, extra, strict=True):
        volumes = {key: next(read) for key in each}
        unstated = next(iter(volumes.values()))[1]
        if "spacing" in unstated and "orientation" not in unstated:
            # A file cannot state the one without the other; a manifest can.
            more["orientation"] = str(stated.orientation)
        samples.append(
            Sample({k: v for k, (v, _) in volumes.items()}, unstated, {**columns, **more})
        )
    return samples


def _items(made: Any, count: int, name: str) -> list[Any]:
    axes = getattr(made, "ndim", None)
    if _is_one(made) or (axes is not None and axes <= 3):
        made = [made]
    if not isinstance(made, Iterable):
        raise EvalsuiteError(
            f"{name}: it returned {type(made).__name__}; expected volumes, such as a list of arrays."
        )
    # An iterator may have no end, and is not asked for more than is wanted.
    items = list(made) if isinstance(made, Sized) else list(islice(made, count))
    if len(items) != count:
        mend = f" Pass --block {len(items)} if it makes so many at once." if items else ""
        raise EvalsuiteError(
            f"{name}: it returned {len(items)} volumes where {count} were asked for.{mend}"
        )
    return items


def _is_one(made: Any) -> bool:
    return isinstance(made, Volume | str | Path | Mapping) or hasattr(made, "dataobj")


def _named(item: Any, channels: tuple[str, ...]) -> dict[str, Any]:
    """Return the images of one sample by name."""
    if isinstance(item, Mapping):
        return {str(key): value for key, value in item.items()}
    shape = tuple(getattr(item, "shape", ()))
    several = len(shape) == 4 and shape[0] > 1 and shape[-1] > 1 and not _is_one(item)
    if not several:
        return {"image": item}
    names = channels or tuple(f"channel_{i}" for i in range(shape[0]))
    if len(names) != shape[0]:
        raise EvalsuiteError(
            f"A volume has {shape[0]} channels, but {len(names)} are declared: {', '.join(names)}."
        )
    affine = getattr(item, "affine", None)  # which a slice of MONAI's tensors may lose
    return {
        key: channel if affine is None else Volume(_array(channel), _array(affine))
        for key, channel in zip(names, item, strict=True)
    }


def _plain(item: Any, file: Path) -> Any:
    """Return an image of nibabel as the file that it would be, a tensor of MONAI as a volume."""
    if hasattr(item, "dataobj") and hasattr(item, "affine"):
        from nibabel import Nifti1Image, save

        same = item if isinstance(item, Nifti1Image) else Nifti1Image.from_image(item)
        save(same, file)
        return file
    affine = getattr(item, "affine", None)
    if hasattr(item, "detach") and affine is not None and tuple(affine.shape) == (4, 4):
        return Volume(_array(item), _array(affine).astype(float))
    return item


def _array(item: Any) -> np.ndarray:
    return np.asarray(item.detach().cpu()) if hasattr(item, "detach") else np.asarray(item)


def _read(path: Path, stated: Geometry, name: str) -> tuple[Volume, Collection[Part]]:
    """Return a volume, and which parts of its geometry nobody states."""
    try:
        loaded = load(path, stated)
    except VolumeError as error:
        raise EvalsuiteError(
            f"{name}: one of its volumes cannot be used: {error.problem}"
        ) from None
    volume, unstated = loaded.volume, loaded.remarks.unstated
    if not unstated and np.array_equal(volume.affine, np.eye(4)):
        unstated = PARTS
        volume = Volume(volume.voxels, stated.completed(volume.affine, PARTS))
    known = {"spacing": stated.spacing, "orientation": stated.orientation}
    return volume, tuple(part for part in unstated if known[part] is None)


def _columns(told: Mapping[str, Any], count: int, name: str) -> list[dict[str, str]]:
    for column, values in told.items():
        if len(values) != count:
            raise EvalsuiteError(
                f"{name}: {len(values)} values of {column} for {count} volumes; "
                "expected one for each."
            )
    return [{key: str(values[i]) for key, values in told.items()} for i in range(count)]
