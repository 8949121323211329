"""What every reference is run on: seeded weights, simulated volumes, and where the values go.

A test makes the same weights and volumes again without the reference and without any data.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import nibabel
import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

FIXTURES = Path(__file__).parents[2] / "tests/protocols/fixtures"
KEPT = 16  # of the features of a volume every so many-th is kept
SIMULATED = 4  # volumes of each cohort


def seeded(shapes: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
    """Return weights that depend on the name and shape of each tensor alone.

    Args:
        shapes: of a state dictionary in the published layout, by the published names.
    """
    return {name: _tensor(name, tuple(shape)) for name, shape in shapes.items()}


def shapes_of(module: torch.nn.Module) -> dict[str, list[int]]:
    """Return the shape of each tensor of a module's state."""
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def simulated(
    folder: Path, *, low: float = -1000.0, high: float = 1000.0, bright: float = 0.0
) -> dict[str, list[Path]]:
    """Write two cohorts of smooth random volumes and return their files by cohort.

    Shapes, spacings and the order and direction of axes differ between volumes, and some have
    blank slices along the third axis: at both ends of the first, and within the second.

    Args:
        low, high: of the intensities, which a part of the voxels falls below or above.
        bright: share of that range by which a ball in the middle of all volumes is brighter.
    """
    files: dict[str, list[Path]] = {}
    for cohort, smooth in (("real", 1.5), ("synthetic", 2.5)):
        (folder / cohort).mkdir(parents=True, exist_ok=True)
        files[cohort] = []
        for i in range(SIMULATED):
            voxels, affine = _volume(i, smooth, low, high, bright)
            files[cohort].append(folder / cohort / f"v{i}.nii.gz")
            nibabel.save(nibabel.Nifti1Image(voxels, affine), files[cohort][-1])
    return files


def kept(features: np.ndarray) -> list[list[float]]:
    """Return every `KEPT`-th feature of each row, to 8 digits."""
    return [[float(f"{v:.8g}") for v in row] for row in np.asarray(features, float)[:, ::KEPT]]


def save(name: str, source: str, recipe: str, values: Mapping[str, object]) -> None:
    """Write what a reference yielded, with where it is from and how it was made."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    packages = ("torch", "monai", "numpy", "scipy", "nibabel")
    told = {
        "source": source,
        "recipe": " ".join(recipe.split()),
        "versions": {package: version(package) for package in packages},
        **values,
    }
    file = FIXTURES / f"{name}.json"
    file.write_text(json.dumps(told, separators=(",", ":")) + "\n")
    print(file, file.stat().st_size, "bytes")


def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    last = name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if last == "running_var" or (last == "weight" and len(shape) == 1):
        return 0.4 + 0.4 * torch.rand(shape, generator=draw)
    normal = torch.randn(shape, generator=draw)
    if last == "weight":
        return normal * (2 / np.prod(shape[1:])) ** 0.5
    return 0.1 * normal


def _volume(
    i: int, smooth: float, low: float, high: float, bright: float
) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng([i, int(10 * smooth)])
    shape = np.array([38, 44, 34]) + draw.integers(0, 8, 3)
    noise = ndimage.gaussian_filter(draw.normal(size=shape), smooth)
    voxels = low + (high - low) * (0.45 + 0.22 * noise / noise.std())
    places = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    voxels += bright * (high - low) * np.exp(-4 * sum(place**2 for place in places))
    if i == 0:
        voxels[:, :, :3] = voxels[:, :, -2:] = low - 100
    if i == 1:
        voxels[:, :, 12:14] = low - 100
    affine = np.eye(4)
    turns = [np.diag([1, 1, 1]), np.diag([-1, -1, 1]), np.eye(3)[[1, 2, 0]], np.eye(3)[[2, 0, 1]]]
    spacing = 1 + np.round(draw.uniform(-0.2, 0.5, 3), 2)
    affine[:3, :3] = turns[i % 4] * spacing
    affine[:3, 3] = draw.uniform(-20, 20, 3)
    return voxels.astype(np.float32), affine
