"""Import a file of a clone of another repository, with what it does not need left out."""

import importlib.util
import shutil
import types
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np


def loaded(file: Path, replaced: Mapping[str, str] | None = None) -> types.ModuleType:
    """Return the module in a file, after texts of it were replaced by others.

    Raises:
        ValueError: if a text that is to be replaced is not in the file.
    """
    text = file.read_text(encoding="utf-8")
    for old, new in (replaced or {}).items():
        if old not in text:
            raise ValueError(f"{file} holds no {old!r}: another commit?")
        text = text.replace(old, new)
    name = file.stem.replace("-", "_")
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, file))
    exec(compile(text, str(file), "exec"), module.__dict__)
    return module


def hippocampi(images: Path, folder: Path) -> dict[str, list[Path]]:
    """Copy the first volumes into two folders, four as real and four as synthetic ones."""
    chosen = sorted(images.glob("*.nii.gz"))
    files: dict[str, list[Path]] = {"real": chosen[:4], "synthetic": chosen[4:8]}
    for name, own in files.items():
        (folder / name).mkdir(parents=True)
        files[name] = [Path(shutil.copy(file, folder / name)) for file in own]
    return files


def framed(files: list[Path], shape: tuple[int, int, int]) -> None:
    """Cut and pad volumes with zeros to one shape about their centre, in place.

    Voxel n // 2 of each axis comes to lie at side // 2.
    """
    for file in files:
        image = nibabel.load(file)
        voxels = np.asarray(image.dataobj, dtype=np.float32)
        for axis, side in enumerate(shape):
            missing = side - voxels.shape[axis]
            start = max(0, voxels.shape[axis] // 2 - side // 2)
            voxels = voxels.take(range(start, start + min(side, voxels.shape[axis])), axis)
            margin = [(0, 0)] * 3
            margin[axis] = (max(0, missing) // 2, max(0, missing) - max(0, missing) // 2)
            voxels = np.pad(voxels, margin)
        nibabel.save(nibabel.Nifti1Image(voxels, image.affine), file)


def names(files: Mapping[str, list[Path]]) -> dict[str, list[str]]:
    """Return the names of the files of each cohort."""
    return {cohort: [file.name for file in own] for cohort, own in files.items()}
