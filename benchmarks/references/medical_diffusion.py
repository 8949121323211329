"""Run `evaluation/pytorch_ssim` of Medical Diffusion over all pairs of a cohort.

    python -m benchmarks.references.medical_diffusion medicaldiffusion \\
        ../shared/data/hippocampus/images

The first is a clone of github.com/FirasGit/medicaldiffusion (commit da3d92a). `msssim_3d` gets pairs
as the cells of `evaluation/test.ipynb` give them: of shape (1, x, y, z), in [-1, 1] after torchio's
RescaleIntensity of the minimum and maximum and CropOrPad, whose values are made here with numpy.
The notebook draws random pairs; here all pairs are taken.
"""

import itertools
import sys
import tempfile
import types
from pathlib import Path

import nibabel
import numpy as np
import torch

from benchmarks.references.clones import framed, hippocampi, loaded, names
from benchmarks.references.inputs import save, simulated

SHAPE = (48, 48, 32)


def main(clone: Path, images: Path) -> None:
    script = loaded(clone / "evaluation/pytorch_ssim/__init__.py")
    values: dict[str, object] = {"shape": SHAPE}
    with tempfile.TemporaryDirectory() as folder:
        values["simulated"] = _run(script, simulated(Path(folder) / "simulated", bright=2.0))
        files = hippocampi(images, Path(folder) / "real")
        values["hippocampus"] = {**_run(script, files), "files": names(files)}
    save(
        "medical-diffusion",
        "FirasGit/medicaldiffusion@da3d92a evaluation/pytorch_ssim, evaluation/test.ipynb",
        __doc__,
        values,
    )


def _run(script: types.ModuleType, cohorts: dict[str, list[Path]]) -> dict[str, list[float]]:
    found = {}
    for name, files in cohorts.items():
        volumes = [torch.from_numpy(_read(file))[None] for file in files]
        found[name] = [float(script.msssim_3d(a, b)) for a, b in itertools.combinations(volumes, 2)]
    return found


def _read(file: Path) -> np.ndarray:
    """Return a volume in [-1, 1] of one shape; what is added around it is 0, as by CropOrPad."""
    image = nibabel.load(file)
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    voxels = 2 * (voxels - voxels.min()) / (voxels.max() - voxels.min()) - 1
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), image.affine), file)
    framed([file], SHAPE)
    return np.asarray(nibabel.load(file).dataobj, dtype=np.float32)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
