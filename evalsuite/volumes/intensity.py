"""How intensities become comparable: rules that see the voxels of one volume and nothing else."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field, model_validator

from evalsuite.declared import Declared

Ends = tuple[float, float]
Over = Literal["all", "nonzero"]


def _ordered(low: float, high: float, sentence: str) -> None:
    if low >= high:
        raise ValueError(sentence.format(low=low, high=high))


class _Ranged(Declared):
    """A rule that maps two values of a volume to the ends of a range and clips.

    Args:
        range: where the two values go; None leaves the units and only clips.
    """

    range: Ends | None = (0.0, 1.0)

    @model_validator(mode="after")
    def _range_ordered(self) -> "_Ranged":
        if self.range:
            _ordered(*self.range, "the range must rise, but found {low} to {high}")
        return self

    def _between(
        self, voxels: Float[np.ndarray, "x y z"], low: float, high: float
    ) -> Float[np.ndarray, "x y z"]:
        """Return the voxels with `low` and `high` at the ends; a volume without spread is low."""
        if self.range is None:
            clipped: Float[np.ndarray, "x y z"] = np.clip(voxels, low, high)
            return clipped
        start, end = self.range
        if low == high:
            return np.full_like(voxels, start)
        scaled: Float[np.ndarray, "x y z"] = voxels - low
        scaled /= high - low
        np.clip(scaled, 0.0, 1.0, out=scaled)
        return scaled if self.range == (0.0, 1.0) else scaled * (end - start) + start


class PercentileIntensity(_Ranged):
    """Map two percentiles of the volume to the ends of a range and clip.

    The rule for MRI, whose units are arbitrary. Where both percentiles coincide (a nearly empty
    volume) the minimum and maximum take their place.

    Args:
        low, high: percentiles.
        over: voxels that they are of.
    """

    kind: Literal["percentile"] = "percentile"
    low: Annotated[float, Field(ge=0, lt=100)] = 0.5
    high: Annotated[float, Field(gt=0, le=100)] = 99.5
    over: Over = "all"

    @model_validator(mode="after")
    def _percentiles_ordered(self) -> "PercentileIntensity":
        _ordered(self.low, self.high, "the low percentile {low} must lie below the high one {high}")
        return self

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities within the range."""
        counted = voxels.ravel("K")
        if self.over == "nonzero":
            counted = counted[counted != 0] if counted.any() else counted
        low, high = np.percentile(counted, [self.low, self.high])
        if low == high:
            low, high = counted.min(), counted.max()
        return self._between(voxels, float(low), float(high))


class WindowIntensity(_Ranged):
    """Map a fixed window to the ends of a range and clip: the rule for CT, in Hounsfield units.

    Args:
        low, high: ends of the window, in the units of the volume.
    """

    kind: Literal["window"] = "window"
    low: float = -1000.0
    high: float = 1000.0

    @model_validator(mode="after")
    def _window_ordered(self) -> "WindowIntensity":
        _ordered(
            self.low,
            self.high,
            "the lower end {low} of the window must lie below the upper one {high}",
        )
        return self

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities within the range."""
        return self._between(voxels, self.low, self.high)


class MinMaxIntensity(_Ranged):
    """Map the minimum and maximum of the volume to the ends of a range."""

    kind: Literal["minmax"] = "minmax"
    range: Ends = (0.0, 1.0)

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities within the range."""
        return self._between(voxels, float(voxels.min()), float(voxels.max()))


class ZScoreIntensity(Declared):
    """Subtract the mean and divide by the standard deviation of the voxels.

    Over the non-zero voxels, zeros are background and stay zero (Chen et al., Med3D, arXiv
    1904.00625, section 3.1).

    Args:
        over: voxels that both are of.
    """

    kind: Literal["zscore"] = "zscore"
    over: Over = "nonzero"

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return intensities of mean 0 and standard deviation 1 over these voxels."""
        inside = _inside(voxels, self.over)
        if not inside.any():
            return np.zeros_like(voxels)
        mean, deviation = voxels[inside].mean(), voxels[inside].std()
        return np.where(inside, (voxels - mean) / (deviation or 1.0), 0.0)


class NoIntensity(Declared):
    """Leave intensities as they are."""

    kind: Literal["none"] = "none"

    def apply(self, voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return the same intensities."""
        return voxels


Intensity = Annotated[
    PercentileIntensity | WindowIntensity | MinMaxIntensity | ZScoreIntensity | NoIntensity,
    Field(discriminator="kind"),
]


def _inside(voxels: Float[np.ndarray, "x y z"], over: Over) -> Bool[np.ndarray, "x y z"]:
    return voxels != 0 if over == "nonzero" else np.ones_like(voxels, dtype=bool)
