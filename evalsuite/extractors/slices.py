"""2.5D: any two-dimensional network over the slices of a volume in several planes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, model_validator

from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.engine import require_openvino, run_by
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.once_built import OnceBuilt
from evalsuite.machine import inference, usable_device
from evalsuite.records import Caveat
from evalsuite.settings import laid_over

if TYPE_CHECKING:
    import torch

    from evalsuite.extractors.networks.by_openvino import ByOpenVINO

# Raised whenever a change of the code below changes a feature.
VERSION = 1
FEWEST_PIXELS = 64  # twice the total stride of common networks
BATCH_PIXELS = 1 << 21  # of all slices that a network sees at once, whatever their size
SMALL = Caveat(
    "small-slices",
    "Its slices have {pixels} pixels along one side: two-dimensional networks look in steps of up "
    "to 32, so features rest on one or two places and are erratic. Enlarge the slices, such as "
    "--set slices.size=128.",
    "extractor",
)

Plane = Literal["sagittal", "coronal", "axial"]
AXES: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}  # that slices lie across
Channels = tuple[float, float, float]


class SliceIntensity(Declared):
    """Map two percentiles to 0 and 1 and clip; slices without spread become 0.

    Args:
        per: what the percentiles are of: all chosen slices of a volume in one `plane` together,
            or each `slice` alone.
        low, high: percentiles; 0 and 100 are the minimum and the maximum.
    """

    per: Literal["plane", "slice"] = "plane"
    low: Annotated[float, Field(ge=0, lt=100)] = 0.0
    high: Annotated[float, Field(gt=0, le=100)] = 100.0

    @model_validator(mode="after")
    def _ordered(self) -> "SliceIntensity":
        if self.low >= self.high:
            msg = f"the low percentile {self.low} must lie below the high one {self.high}"
            raise ValueError(msg)
        return self

    def ends(self, images: Float[np.ndarray, "s h w"]) -> Float[np.ndarray, "2 ..."]:
        """Return the percentiles, of all slices together or one pair per slice."""
        axes = (1, 2) if self.per == "slice" else None
        ends: Float[np.ndarray, "2 ..."] = np.percentile(
            images, [self.low, self.high], axis=axes, keepdims=True
        )
        return ends


class Slices(Declared):
    """Which slices of a volume a network sees, and how.

    A plane is named as of a volume whose axes run right, anterior and superior: `axial` slices
    lie across the third axis, `coronal` ones across the second, `sagittal` ones across the first.
    Rows and columns of a slice are its two axes in their order. In this order: choice of slices,
    intensity, resize, channels, mean and standard deviation.

    Args:
        planes: in the order of the features.
        share: central share of the slices of a plane, from `int((1 - share) / 2 * n)` up to, and
            without, `int((1 + share) / 2 * n)`, as NVIDIA-Medtech/NV-Generate-CTMR counts them.
        step: every how many-eth of these.
        intensity: how intensities become comparable; None leaves those of the volume.
        size: pixels along each side to resize to; None leaves the slice.
        interpolation, antialias: of that, by `torch.nn.functional.interpolate`.
        channels: `repeat` shows the slice three times, `neighbours` it between the one before and
            the one after it in the volume (at its ends twice the same).
        reverse: the channels in reverse order.
        mean, std: subtracted from, and divided by, of the channels in the order that the network
            sees them.
    """

    planes: Annotated[tuple[Plane, ...], Field(min_length=1)] = ("axial", "sagittal", "coronal")
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    step: Annotated[int, Field(ge=1)] = 1
    intensity: SliceIntensity | None = None
    size: Annotated[int, Field(ge=1, le=4096)] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear"
    antialias: bool = False
    channels: Literal["repeat", "neighbours"] = "repeat"
    reverse: bool = False
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _possible(self) -> "Slices":
        if len(set(self.planes)) < len(self.planes):
            msg = "each plane can stand only once"
            raise ValueError(msg)
        if self.antialias and self.interpolation not in {"bilinear", "bicubic"}:
            msg = "antialias goes with bilinear or bicubic interpolation only"
            raise ValueError(msg)
        if min(self.std) <= 0:
            msg = "each std must be above 0"
            raise ValueError(msg)
        return self

    def doubts(self, shape: Sequence[int]) -> tuple[Caveat, ...]:
        """Return why features of the slices of volumes of this shape, (x, y, z), are doubtful."""
        sides = [n for p in self.planes for axis, n in enumerate(shape) if axis != AXES[p]]
        if self.size is not None or min(sides) >= FEWEST_PIXELS:
            return ()
        return (SMALL(pixels=min(sides)),)

    def chosen(self, n: int) -> range:
        """Return which of the n slices of a plane are looked at.

        Raises:
            EvalsuiteError: if there are none.
        """
        start, stop = (int((1.0 + side * self.share) / 2.0 * n) for side in (-1, 1))
        chosen = range(start, stop, self.step)
        if not chosen:
            raise EvalsuiteError(
                f"The central {100 * self.share:g} % of {n} slices are none. Take a larger share, "
                "or a larger --shape."
            )
        return chosen

    def rows(self, shape: Sequence[int]) -> list[tuple[Plane, int]]:
        """Return plane and place of each slice of a volume of that shape, in order of features."""
        return [(plane, i) for plane in self.planes for i in self.chosen(shape[AXES[plane]])]

    def images(
        self, voxels: Float[np.ndarray, "x y z"], plane: Plane
    ) -> "Iterator[Float[torch.Tensor, 'b 3 h w']]":
        """Yield the chosen slices of a volume in a plane as the network sees them, some at a time.

        Args:
            voxels: preprocessed.
        """
        import torch

        across = np.moveaxis(voxels, AXES[plane], 0)
        last = len(across) - 1
        chosen = self.chosen(len(across))
        ends = None
        if self.intensity and self.intensity.per == "plane":
            ends = self.intensity.ends(across[chosen.start : chosen.stop : chosen.step])
        at_once = max(1, BATCH_PIXELS // max(across[0].size, (self.size or 0) ** 2))
        offsets = (-1, 0, 1) if self.channels == "neighbours" else (0, 0, 0)
        for first in range(0, len(chosen), at_once):
            batch = np.array(chosen[first : first + at_once])
            channels = []
            for offset in dict.fromkeys(offsets):
                images = across[np.clip(batch + offset, 0, last)].astype(np.float32)
                if self.intensity:
                    images = _scaled(images, self.intensity.ends(images) if ends is None else ends)
                channels.append(torch.from_numpy(images))
            stacked = torch.stack([channels[i % len(channels)] for i in range(3)], dim=1)
            yield self._finished(stacked)

    def _finished(self, images: "Float[torch.Tensor, 'b 3 h w']") -> "torch.Tensor":
        import torch
        from torch.nn.functional import interpolate

        if self.size is not None:
            exact = {} if self.interpolation in {"nearest", "area"} else {"align_corners": False}
            images = interpolate(
                images, (self.size, self.size), mode=self.interpolation, antialias=self.antialias,
                **exact,
            )  # fmt: skip
        if self.reverse:
            images = images.flip(1)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images - mean) / std


@dataclass(slots=True)
class SliceExtractor:
    """A network that sees slices; `slice_extractor` makes one."""

    name: str
    fingerprint: dict[str, object]
    build: Callable[[], "torch.nn.Module | ByOpenVINO"] = field(repr=False)
    slices: Slices
    device: "torch.device"
    precision: Literal["float32", "bfloat16"] = "float32"
    wants: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Caveat, ...] = ()
    parallel: Literal["batch", "process"] = "batch"
    standardise: bool = False

    @property
    def network(self) -> "torch.nn.Module | ByOpenVINO":
        """The network, built when it is first asked for: not where all features are cached."""
        return self.build()

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b s d"]:
        """Return one row of features per slice, in the order of `Slices.rows`."""
        return np.stack([self._features(volume) for volume in voxels])

    def _features(self, volume: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "s d"]:
        # Volumes go one by one, so that the batches of slices depend on nothing but their shape.
        network = self.network  # built here, for what is built in inference mode stays in it
        with inference(self.device, self.precision):
            rows = [
                self._checked(network(images.to(self.device)), len(images))
                for plane in self.slices.planes
                for images in self.slices.images(volume, plane)
            ]
        return np.concatenate(rows)

    def _checked(self, output: "torch.Tensor", count: int) -> Float[np.ndarray, "b d"]:
        if output.ndim != 2 or len(output) != count:
            raise EvalsuiteError(
                f"{self.name}: the network turns {count} slices into {tuple(output.shape)}, but "
                f"({count}, d) was expected."
            )
        features: Float[np.ndarray, "b d"] = output.float().cpu().numpy()
        return features


def slice_extractor(
    name: str,
    network: Callable[[], "torch.nn.Module"],
    slices: Slices,
    fingerprint: Mapping[str, object],
    options: ExtractorOptions,
    *,
    wants: Mapping[str, Any] | None = None,
    warnings: tuple[Caveat, ...] = (),
) -> Extractor:
    """Return an extractor that shows a network the slices of each volume.

    Args:
        name: as the user typed it.
        network: builds what takes (b, 3, h, w) and answers with (b, d); it is called when the
            first volume comes, and what it built brought to the device of the options and into
            evaluation mode.
        slices: which slices it sees, and how.
        fingerprint: what decides the features beside slices and arithmetic, which are added: the
            architecture, the layer, `weights_sha256`.
        options: of the extractor.
        wants: fields of `Preprocessing` that the network was trained with.
        warnings: reasons not to trust its features.
    """
    device = usable_device(options.device)
    whole = {
        **fingerprint,
        "slices": slices.model_dump(mode="json"),
        "arithmetic": options.arithmetic,
        "slices_version": VERSION,
    }

    if options.engine == "openvino":
        require_openvino(device)

    def built() -> "torch.nn.Module | ByOpenVINO":
        return run_by(options, name, network().eval().to(device))

    return SliceExtractor(
        name, whole, OnceBuilt(built), slices, device, options.precision, wants or {}, warnings
    )


def resliced(extractor: Extractor, settings: Mapping[str, Any]) -> Extractor:
    """Return an extractor of slices with other choices of slices laid over its own.

    Args:
        settings: fields of `Slices`.

    Raises:
        EvalsuiteError: for unknown or impossible ones.
    """
    if not isinstance(extractor, SliceExtractor) or not settings:
        return extractor
    told = laid_over(extractor.slices.model_dump(mode="json"), settings)
    slices = validated(Slices, told, "the slices")
    fingerprint = {**extractor.fingerprint, "slices": slices.model_dump(mode="json")}
    return replace(extractor, slices=slices, fingerprint=fingerprint)


def _scaled(
    images: Float[np.ndarray, "b h w"], ends: Float[np.ndarray, "2 ..."]
) -> Float[np.ndarray, "b h w"]:
    """Return the images with the ends at 0 and 1, clipped; without spread, 0."""
    low, high = ends.astype(np.float32)
    spread = np.where(high > low, high - low, np.float32(np.inf))
    scaled: Float[np.ndarray, "b h w"] = np.clip((images - low) / spread, 0, 1)
    return scaled
