"""Declared preprocessing: the same resolved steps for every volume of every cohort.

Orientation -> spacing -> crop or resize -> intensity -> padding. Padding comes last, so that its
zeros never shift a percentile or a mean.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Float32
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from evalsuite.volumes.volume import Volume

# Raised whenever a change of the code below, or of reading, changes a voxel; part of every hash.
VERSION = 2

Triple = tuple[PositiveFloat, PositiveFloat, PositiveFloat]
Shape = tuple[PositiveInt, PositiveInt, PositiveInt]


class Declared(BaseModel):
    """A frozen piece of a configuration in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PercentileIntensity(Declared):
    """Map two percentiles of the volume to 0 and 1 and clip.

    The rule for MRI, whose units are arbitrary. Where both percentiles coincide (a nearly empty
    volume) the minimum and maximum take their place.
    """

    kind: Literal["percentile"] = "percentile"
    low: Annotated[float, Field(ge=0, lt=100)] = 0.5
    high: Annotated[float, Field(gt=0, le=100)] = 99.5

    @model_validator(mode="after")
    def _ordered(self) -> "PercentileIntensity":
        if self.low >= self.high:
            msg = f"the low percentile {self.low} must lie below the high one {self.high}"
            raise ValueError(msg)
        return self

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities in [0, 1]."""
        low, high = np.percentile(voxels, [self.low, self.high])
        if low == high:
            low, high = voxels.min(), voxels.max()
        return _rescale(voxels, float(low), float(high))


class WindowIntensity(Declared):
    """Map a fixed window to [0, 1] and clip: the rule for CT, in Hounsfield units."""

    kind: Literal["window"] = "window"
    low: float = -1000.0
    high: float = 1000.0

    @model_validator(mode="after")
    def _ordered(self) -> "WindowIntensity":
        if self.low >= self.high:
            msg = f"the lower end {self.low} of the window must lie below the upper one {self.high}"
            raise ValueError(msg)
        return self

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities in [0, 1]."""
        return _rescale(voxels, self.low, self.high)


class ZScoreIntensity(Declared):
    """Subtract the mean and divide by the standard deviation of the non-zero voxels.

    Zeros are background and stay zero (Chen et al., Med3D, arXiv 1904.00625, section 3.1).
    """

    kind: Literal["zscore"] = "zscore"

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities of mean 0 and standard deviation 1 over the non-zero voxels."""
        inside = voxels != 0
        if not inside.any():
            return np.zeros_like(voxels)
        mean, deviation = voxels[inside].mean(), voxels[inside].std()
        return np.where(inside, (voxels - mean) / (deviation or 1.0), 0.0)


Intensity = Annotated[
    PercentileIntensity | WindowIntensity | ZScoreIntensity, Field(discriminator="kind")
]


class Preprocessing(Declared):
    """What is done to every volume before any feature or metric.

    Args:
        orientation: axes run to the patient's right, anterior and superior; `native` leaves them.
        spacing: millimetres per voxel; `auto` takes the median of the real cohort, `native`
            leaves each volume's own (only sound where all agree).
        shape: voxels per axis; `auto` takes the median of the real cohort at that spacing.
        fit: `crop-pad` keeps the scale (centre crop, zero padding), `resize` stretches.
        intensity: how intensities become comparable.
    """

    orientation: Literal["RAS", "native"] = "RAS"
    spacing: Literal["auto", "native"] | Triple = "auto"
    shape: Literal["auto"] | Shape = "auto"
    fit: Literal["crop-pad", "resize"] = "crop-pad"
    intensity: Intensity = PercentileIntensity()

    @property
    def hash(self) -> str:
        """SHA-256 of the resolved steps and of the version of their implementation."""
        steps = json.dumps([VERSION, self.model_dump(mode="json")], sort_keys=True)
        return hashlib.sha256(steps.encode()).hexdigest()

    def resolve(
        self,
        shapes: Sequence[tuple[int, int, int]],
        affines: Sequence[Float[np.ndarray, "4 4"]],
    ) -> "Preprocessing":
        """Return the same steps with every `auto` replaced by the real cohort's medians.

        Args:
            shapes, affines: one per volume of the real cohort, as on disk.
        """
        oriented = [
            _oriented_grid(shape, affine) if self.orientation == "RAS" else (shape, affine)
            for shape, affine in zip(shapes, affines, strict=True)
        ]
        spacings = np.array([_spacing(affine) for _, affine in oriented])
        spacing: Literal["native"] | Triple
        if self.spacing == "auto":
            x, y, z = (float(f"{v:.6g}") for v in np.median(spacings, axis=0))
            spacing = (x, y, z)
        else:
            spacing = self.spacing
        shape = self.shape
        if shape == "auto":
            sizes = np.array([grid for grid, _ in oriented], dtype=float)
            if spacing != "native":
                sizes *= spacings / np.array(spacing)
            i, j, k = (max(1, math.floor(v + 0.5)) for v in np.median(sizes, axis=0))
            shape = (i, j, k)
        return self.model_copy(update={"spacing": spacing, "shape": shape})

    def median_size(
        self,
        shapes: Sequence[tuple[int, int, int]],
        affines: Sequence[Float[np.ndarray, "4 4"]],
    ) -> tuple[int, int, int]:
        """Return the median voxels per axis of volumes at the resolved spacing, before the fit."""
        free = self.model_copy(update={"shape": "auto"}).resolve(shapes, affines).shape
        if free == "auto":
            raise AssertionError
        return free

    def interpolates(self, affine: Float[np.ndarray, "4 4"]) -> bool:
        """Tell whether a volume of this affine is resampled to reach the spacing."""
        if self.spacing in ("native", "auto"):
            return False
        if self.orientation == "RAS":
            _, affine = _oriented_grid((2, 2, 2), affine)
        return not np.allclose(_spacing(affine), self.spacing, rtol=1e-3)

    def apply(self, volume: Volume) -> Volume:
        """Return the volume after all steps, float32, of exactly `shape` voxels.

        Raises:
            ValueError: if `spacing` or `shape` is still `auto`.
        """
        if self.spacing == "auto" or self.shape == "auto":
            msg = "resolve the preprocessing against the real cohort before applying it"
            raise ValueError(msg)
        if self.orientation == "RAS":
            volume = reoriented(volume)
        if self.spacing != "native" and self.interpolates(volume.affine):
            spacing = np.array(self.spacing)
            size = np.array(volume.shape) * np.array(volume.spacing) / spacing
            volume = _resample(volume, np.maximum(1, np.floor(size + 0.5)).astype(int), spacing)
        if self.fit == "resize" and volume.shape != self.shape:
            extent = np.array(volume.shape) * np.array(volume.spacing)
            volume = _resample(volume, np.array(self.shape), extent / np.array(self.shape))
        volume = _crop(volume, self.shape)
        volume = Volume(self.intensity.apply(volume.voxels.astype(np.float64)), volume.affine)
        return _pad(volume, self.shape)


PRESETS: dict[str, Preprocessing] = {
    "mri": Preprocessing(),
    "ct": Preprocessing(intensity=WindowIntensity()),
}


def _spacing(affine: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "3"]:
    lengths: Float[np.ndarray, 3] = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return lengths


def _rescale(
    voxels: Float[np.ndarray, "x y z"], low: float, high: float
) -> Float[np.ndarray, "x y z"]:
    if low == high:
        return np.zeros_like(voxels)
    scaled: Float[np.ndarray, "x y z"] = np.clip((voxels - low) / (high - low), 0.0, 1.0)
    return scaled


def _oriented_grid(
    shape: tuple[int, int, int], affine: Float[np.ndarray, "4 4"]
) -> tuple[tuple[int, int, int], Float[np.ndarray, "4 4"]]:
    """Return shape and affine of a grid once its axes run right, anterior, superior."""
    from nibabel import orientations

    orientation = orientations.io_orientation(affine)
    order = np.argsort(orientation[:, 0])
    x, y, z = (shape[int(axis)] for axis in order)
    return (x, y, z), affine @ orientations.inv_ornt_aff(orientation, shape)


def reoriented(volume: Volume) -> Volume:
    """Return the volume with axes that run right, anterior and superior."""
    from nibabel import orientations

    orientation = orientations.io_orientation(volume.affine)
    _, affine = _oriented_grid(volume.shape, volume.affine)
    return Volume(orientations.apply_orientation(volume.voxels, orientation), affine)


def _resample(volume: Volume, shape: np.ndarray, spacing: np.ndarray) -> Volume:
    """Interpolate linearly on a grid with the same centre; smooth first where it is coarser.

    The smoothing (sigma of half the factor less one, in old voxels) keeps frequencies that the
    new grid cannot hold from folding back.
    """
    from scipy import ndimage

    voxels = volume.voxels.astype(np.float32)
    ratio = spacing / np.array(volume.spacing)
    sigma = np.maximum(0.0, (ratio - 1) / 2)
    if sigma.any():
        voxels = ndimage.gaussian_filter(voxels, sigma, mode="nearest")
    offset = (np.array(volume.shape) - 1) / 2 - (shape - 1) / 2 * ratio
    voxels = ndimage.affine_transform(
        voxels, ratio, offset, output_shape=tuple(shape.tolist()), order=1, mode="nearest"
    )
    step = np.eye(4)
    step[:3, :3] = np.diag(ratio)
    step[:3, 3] = offset
    return Volume(voxels, volume.affine @ step)


def _margins(size: Sequence[int], shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return how many voxels to add before and after each axis; negative ones are cut."""
    missing = [wanted - found for found, wanted in zip(size, shape, strict=True)]
    return [(m // 2, m - m // 2) for m in missing]


def _crop(volume: Volume, shape: Shape) -> Volume:
    cuts = [(max(0, -a), max(0, -b)) for a, b in _margins(volume.shape, shape)]
    index = tuple(slice(a, n - b) for (a, b), n in zip(cuts, volume.shape, strict=True))
    return Volume(volume.voxels[index], _shifted(volume.affine, [a for a, _ in cuts]))


def _pad(volume: Volume, shape: Shape) -> Volume:
    margins = _margins(volume.shape, shape)
    voxels: Float32[np.ndarray, "x y z"] = np.pad(volume.voxels, margins).astype(np.float32)
    return Volume(voxels, _shifted(volume.affine, [-a for a, _ in margins]))


def _shifted(affine: Float[np.ndarray, "4 4"], start: Sequence[int]) -> Float[np.ndarray, "4 4"]:
    """Return the affine of the grid whose first voxel lies at index `start`."""
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.array(start) + affine[:3, 3]
    return moved
