"""The vectors of both versions of the Frechet radiomics distance, as frd-score makes them.

Everything from the file on is done here, not by the preprocessing of the evaluation, since
version 1 looks at the volume before and after it is normalised and resampled, and version 0 at
the millimetres of its voxels.

Reference: github.com/RichardObi/frd-score 1.0.1 (bf05c71), frd.py and configs/extraction_3d.yaml.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.frd.box import box_shape
from evalsuite.extractors.frd.features import discretised, first_order, textures, textures_of_v0
from evalsuite.extractors.frd.images import FEWEST, SPACING, filtered, resampled, size_at
from evalsuite.extractors.radiomics.grey_levels import bounding_box
from evalsuite.records import Caveat

SOURCE = "frd-score 1.0.1 (bf05c71), pyradiomics at 8ed5793"
# Raised whenever a change of this package changes a number; it is part of the fingerprint.
VERSION = 1
AS_ON_DISK = {
    "orientation": "native",
    "spacing": "native",
    "shape": "native",
    "intensity": {"kind": "none"},
}


def features_of_v1(
    voxels: Float[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]
) -> dict[str, float]:
    """Return 77 features of each of 13 images and 13 numbers about the volume, in a fixed order.

    Paper and documentation count about 464; the code has 398 in 2D and these 1,014 in 3D. Grey
    levels are bins of 5 on a scale where the standard deviation is 100. The last 13 are diagnostics
    of pyradiomics that frd-score keeps because they are numbers, among them the mean intensity on
    disk.

    Raises:
        EvalsuiteError: if the volume is too thin for the widest filter.
    """
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if min(size_at(voxels.shape, spacing)) < FEWEST:
        size = " x ".join(f"{side:.3g}" for side in np.array(voxels.shape) * spacing)
        raise EvalsuiteError(
            f"A volume of {size} mm is too thin for the filters of FRD, which need {FEWEST} voxels "
            f"of {SPACING:g} mm along each axis."
        )
    volume = resampled(voxels, affine)
    box = bounding_box(volume.inside)
    features: dict[str, float] = {}
    for name, image in filtered(volume.voxels):
        found = _image_features(
            image[box], volume.inside[box], width=5, shift=300.0, voxel_volume=SPACING**3
        )
        features |= {f"{name}.{key}": value for key, value in found.items()}
    return features | {
        **_about("on_disk", voxels),
        "on_disk.n_voxels": float(voxels.size - 1),
        "on_disk.n_parts": 1.0,
        **_about("resampled", volume.voxels),
        "region.n_voxels": float(np.count_nonzero(volume.inside)),
        "region.n_parts": 1.0,
        **_about("region", volume.voxels[volume.inside]),
    }


def features_of_v0(
    voxels: Float[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]
) -> dict[str, float]:
    """Return 107 features of the volume as on disk, in a fixed order.

    Grey levels are bins of 25 in the units of the file: intensities from 0 to 1 have one level.
    Shape is that of the whole volume, so it tells the field of view.

    Raises:
        EvalsuiteError: if an axis has a single voxel, or there are too many grey levels.
    """
    if min(voxels.shape) < 2:
        raise EvalsuiteError("FRD needs volumes of at least 2 voxels along each axis.")
    x, y, z = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).tolist()
    image = np.ascontiguousarray(voxels.T)
    inside = np.ones(image.shape, bool)
    features = _image_features(image, inside, width=25, shift=0.0, voxel_volume=x * y * z)
    shape = box_shape((voxels.shape[0], voxels.shape[1], voxels.shape[2]), (x, y, z))
    return (
        features
        | textures_of_v0(discretised(image, inside, 25))
        | {f"shape.{name}": value for name, value in shape.items()}
    )


def _image_features(
    image: Float[np.ndarray, "z y x"],
    inside: Bool[np.ndarray, "z y x"],
    *,
    width: float,
    shift: float,
    voxel_volume: float,
) -> dict[str, float]:
    levels = discretised(image, inside, width)
    values = first_order(image[inside], levels, shift=shift, voxel_volume=voxel_volume)
    return {f"first_order.{name}": v for name, v in values.items()} | textures(levels)


def _about(prefix: str, voxels: Float[np.ndarray, "..."]) -> dict[str, float]:
    values = voxels.astype(np.float64)
    return {
        f"{prefix}.mean": float(values.mean()),
        f"{prefix}.minimum": float(values.min()),
        f"{prefix}.maximum": float(values.max()),
    }


Features = Callable[[Float[np.ndarray, "x y z"], Float[np.ndarray, "4 4"]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class FrdExtractor:
    """The features of one version of FRD as an `Extractor`.

    Args:
        features: of one volume as on disk, by name.
    """

    name: str
    features: Features
    fingerprint: dict[str, object]
    warnings: tuple[Caveat, ...] = ()
    parallel: Literal["batch", "process"] = "process"
    standardise: bool = True
    wants: Mapping[str, Any] = field(default_factory=lambda: dict(AS_ON_DISK))
    slices: None = None

    def __call__(
        self, voxels: Float[np.ndarray, "b x y z"], affines: Float[np.ndarray, "b 4 4"]
    ) -> Float32[np.ndarray, "b d"]:
        """Return one row of features per volume; row i depends on volume i alone.

        A volume of a single intensity, which cannot be normalised, has features that are not
        finite.
        """
        rows = [
            list(self.features(volume, affine).values()) if np.ptp(volume) else [np.nan]
            for volume, affine in zip(voxels, affines, strict=True)
        ]
        return np.array(rows, np.float32)


def frd_v1(options: ExtractorOptions) -> FrdExtractor:  # noqa: ARG001  (needs no option)
    """Compute the 1,014 features of FRD version 1 as frd-score does with pyradiomics; no weights.

    Volumes are taken as on disk and prepared by the rules of frd-score. Runs on the processor,
    whatever the device.
    """
    return FrdExtractor(
        name="radiomics-frd-v1",
        features=features_of_v1,
        fingerprint={
            "algorithm": f"3D features of FRD version 1 as in {SOURCE}",
            "version": VERSION,
            "steps": "z-score of all voxels x 100, cubic B-spline to 2 mm, whole volume but its "
            "first voxel",
            "images": "original; Laplacian of Gaussian 2, 3, 4, 5 mm; stationary coif1, periodic",
            "discretisation": "bins of 5 from 0",
            "shift": "300 in energies",
        },
    )


def frd_v0(options: ExtractorOptions) -> FrdExtractor:  # noqa: ARG001  (needs no option)
    """Compute the 107 features of FRD version 0 as frd-score does with pyradiomics; no weights.

    Volumes are taken as on disk. Runs on the processor, whatever the device.
    """
    return FrdExtractor(
        name="radiomics-frd-v0",
        features=features_of_v0,
        fingerprint={
            "algorithm": f"3D features of FRD version 0 as in {SOURCE}",
            "version": VERSION,
            "discretisation": "bins of 25 from 0, in the units of the file",
        },
    )
