"""Declared preprocessing: the same resolved steps for every volume of every cohort."""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator

from evalsuite.declared import Declared
from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.geometry import DIRECTIONS, read_orientation
from evalsuite.volumes.intensity import Intensity, PercentileIntensity, WindowIntensity
from evalsuite.volumes.resampling import (
    Affine,
    Interpolation,
    Size,
    cropped,
    fractional_size,
    oriented,
    oriented_grid,
    padded,
    pooled,
    resized,
    respaced,
    spacing_of,
    transposed,
    trimmed,
)
from evalsuite.volumes.volume import Volume

# Raised whenever a change of the code below, or of reading, changes a voxel; part of every hash.
VERSION = 2

Millimetres = Annotated[float, Field(ge=0.001, le=1000)]
Side = Annotated[int, Field(ge=1, le=32767)]  # the most that NIfTI holds
Triple = tuple[Millimetres, Millimetres, Millimetres]
Shape = tuple[Side, Side, Side]


class Preprocessing(Declared):
    """What is done to every volume before any feature or metric.

    In this order: orientation, intensity if it comes first, trimming, spacing, crop or resize,
    intensity otherwise, padding, pooling, order of the axes. Padding comes after the intensity, so that
    its value never shifts a percentile or a mean.

    Args:
        orientation: the patient's directions in which the axes run, such as `RAS` (to the right,
            anterior and superior); `native` leaves them as stored. Spacing and shape are along
            these axes.
        spacing: millimetres per voxel; `auto` takes the median of the real cohort, `native`
            leaves each volume's own (only sound where all agree).
        shape: voxels per axis; `auto` takes the median of the real cohort at that spacing,
            `native` leaves each volume's own, for extractors that need no common one.
        fit: `crop-pad` keeps the scale (centre crop and padding), `pad-crop` as well, but rounds
            the crop as MONAI does; `resize` stretches.
        interpolation: `smoothed` is linear after a Gaussian where voxels become larger, `linear`
            does without and lies as `Spacing` of MONAI has it, `b-spline` is of third order and
            lies as pyradiomics has it; see `evalsuite.volumes.resampling`.
        border: what interpolation finds beyond a volume: its `nearest` voxel or the `padding`.
        trim: leave out the axial slices in which every voxel has the value of the padding.
        intensity: how intensities become comparable.
        intensity_first: before trimming, spacing and crop instead of after them.
        padding: value of the voxels that are added, in the units after the intensity.
        pool: voxels along each side of the blocks that are averaged to one, after the padding.
        axes: the order in which the network sees the axes; `zyx` is that of SimpleITK's arrays.
    """

    orientation: Annotated[
        str,
        Field(json_schema_extra={"expected": "native or an orientation of three letters like RAS"}),
    ] = "RAS"
    spacing: Literal["auto", "native"] | Triple = "auto"
    shape: Literal["auto", "native"] | Shape = "auto"
    fit: Literal["crop-pad", "pad-crop", "resize"] = "crop-pad"
    interpolation: Interpolation = "smoothed"
    border: Literal["nearest", "padding"] = "nearest"
    trim: bool = False
    intensity: Intensity = PercentileIntensity()
    intensity_first: bool = False
    padding: float = 0.0
    pool: Side = 1
    axes: Literal["xyz", "zyx"] = "xyz"

    @field_validator("orientation")
    @classmethod
    def _orientation(cls, value: str) -> str:
        return value if value == "native" else read_orientation(value)

    @model_validator(mode="after")
    def _padding_has_units(self) -> "Preprocessing":
        for needs, setting in (
            (self.trim, "trim"),
            (self.border == "padding", "border"),
        ):
            if needs and not self.intensity_first:
                msg = (
                    f"{setting} looks at the value of the padding, which is in the units after the "
                    "intensity; set intensity_first to true"
                )
                raise ValueError(msg)
        return self

    @property
    def ends_in_unit_range(self) -> bool:
        """Whether every voxel, padding included, ends between 0 and 1."""
        return getattr(self.intensity, "range", None) == (0.0, 1.0) and 0 <= self.padding <= 1

    @property
    def shape_seen(self) -> Size:
        """Voxels along each axis of what `apply` returns.

        Raises:
            ValueError: if the shape is not resolved, or that of each volume.
        """
        if isinstance(self.shape, str):
            msg = f"the shape is {self.shape}"
            raise ValueError(msg)  # noqa: TRY004  (a value of the field, not a type)
        x, y, z = (side // self.pool for side in self.shape)
        return (z, y, x) if self.axes == "zyx" else (x, y, z)

    def along_patient(self) -> "Preprocessing":
        """Return the steps with the axes in the order left-right, front-back, feet-head.

        So metrics on voxels and figures, which call planes by their axis, see volumes. Axes that
        are left as stored stay.
        """
        steps = self.model_copy(update={"axes": "xyz"})
        if self.orientation == "native":
            return steps
        order = np.argsort([DIRECTIONS[letter][0] for letter in self.orientation])
        changed: dict[str, object] = {"orientation": "".join(self.orientation[i] for i in order)}
        for name in ("spacing", "shape"):
            value = getattr(self, name)
            if not isinstance(value, str):
                changed[name] = tuple(value[i] for i in order)
        return steps.model_copy(update=changed)

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

        Raises:
            EvalsuiteError: if one of them would become larger than memory.
        """
        turned: dict[tuple[Size, bytes], tuple[Size, Affine]] = {}
        keys = [(size, affine.tobytes()) for size, affine in zip(shapes, affines, strict=True)]
        for key, affine in zip(keys, affines, strict=True):
            if key not in turned:  # most volumes of a cohort lie alike
                self.refuse_giant(key[0], affine)
                turned[key] = self._oriented_grid(key[0], affine)
        grids = [turned[key] for key in keys]
        spacings = np.array([spacing_of(affine) for _, affine in grids])
        spacing: Literal["native"] | Triple
        if self.spacing == "auto":
            x, y, z = (float(f"{v:.6g}") for v in np.median(spacings, axis=0))
            spacing = (x, y, z)
        else:
            spacing = self.spacing
        shape = self.shape
        if shape == "auto":
            sizes = np.array([size for size, _ in grids], dtype=float)
            if spacing != "native":
                sizes = fractional_size(sizes, spacings, np.array(spacing), self.interpolation)
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
        assert not isinstance(free, str)  # noqa: S101  (it was resolved)
        return free

    def refuse_giant(self, shape: tuple[int, int, int], affine: Float[np.ndarray, "4 4"]) -> None:
        """Raise EvalsuiteError if a volume would become larger than the memory of this machine."""
        shape, affine = self._oriented_grid(shape, affine)
        size = np.array(shape, dtype=float)
        if not isinstance(self.spacing, str):
            size = np.ceil(size * spacing_of(affine) / np.array(self.spacing))
        for step, sides in (("spacing", size), ("shape", self.shape)):
            if isinstance(sides, str):
                continue
            needed = 4 * math.prod(float(side) for side in sides)
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            if needed > memory:
                raise EvalsuiteError(
                    f"With the {step} of the preprocessing a volume would have "
                    f"{' x '.join(f'{side:.0f}' for side in sides)} voxels, which takes "
                    f"{needed / 2**30:,.0f} GiB where this machine has {memory / 2**30:,.0f}. "
                    f"Set another with --{step}."
                )

    def interpolates(self, affine: Float[np.ndarray, "4 4"]) -> bool:
        """Tell whether a volume of this affine is resampled to reach the spacing."""
        if self.spacing in ("native", "auto"):
            return False
        return self._differs(self._oriented_grid((2, 2, 2), affine)[1])

    def apply(self, volume: Volume) -> Volume:
        """Return the volume after all steps, float32, of `shape` voxels divided by `pool`.

        Raises:
            ValueError: if `spacing` or `shape` is still `auto`.
        """
        if self.spacing == "auto" or self.shape == "auto":
            msg = "resolve the preprocessing against the real cohort before applying it"
            raise ValueError(msg)
        outside = self.padding if self.border == "padding" else None
        if self.orientation != "native":
            volume = oriented(volume, self.orientation)
        if self.intensity_first:
            volume = self._with_intensity(volume)
        if self.trim:
            volume = trimmed(volume, self.padding)
        if self.spacing != "native" and self._differs(volume.affine):
            volume = respaced(volume, self.spacing, self.interpolation, outside)
        shape = volume.shape if self.shape == "native" else self.shape
        if self.fit == "resize" and volume.shape != shape:
            volume = resized(volume, shape, self.interpolation, outside)
        volume = cropped(volume, shape, as_monai=self.fit == "pad-crop")
        if not self.intensity_first:
            volume = self._with_intensity(volume)
        volume = pooled(padded(volume, shape, self.padding), self.pool)
        return transposed(volume) if self.axes == "zyx" else volume

    def _with_intensity(self, volume: Volume) -> Volume:
        return Volume(self.intensity.apply(volume.voxels.astype(np.float64)), volume.affine)

    def _oriented_grid(self, shape: Size, affine: Affine) -> tuple[Size, Affine]:
        if self.orientation == "native":
            return shape, affine
        return oriented_grid(shape, affine, self.orientation)

    def _differs(self, affine: Affine) -> bool:
        """Tell whether an oriented grid has another spacing."""
        wanted = np.array(self.spacing)
        apart = np.abs(spacing_of(affine) - wanted)
        return bool((apart > 1e-8 + 1e-3 * wanted).any())  # as np.allclose, which takes long


PRESETS: dict[str, Preprocessing] = {
    "mri": Preprocessing(),
    "ct": Preprocessing(intensity=WindowIntensity()),
}
