"""The grey levels of prepared cases: what they mean, and the windows in which readers see them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalsuite.declared import Declared
from evalsuite.errors import unknown
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Grey:
    """What a stored voxel means: v in 0 to `levels` is low + v / levels * (high - low).

    Args:
        levels: the highest stored value.
        low, high: what the lowest and the highest stored value mean, in the unit.
        unit: Hounsfield units, or percent of the range between the case's black and white.
    """

    levels: int
    low: float
    high: float
    unit: Literal["HU", "%"]

    def stored(self, value: float) -> float:
        """Return the stored value, perhaps between or beyond the levels, of one in the unit."""
        return (value - self.low) / (self.high - self.low) * self.levels


class Window(Declared):
    """Intensities shown as black and as white.

    Args:
        name: told to the reader.
        low, high: in Hounsfield units, or in percent of the range of a case.
    """

    name: Annotated[str, Field(min_length=1, max_length=30)]
    low: float
    high: float

    @model_validator(mode="after")
    def _rises(self) -> "Window":
        if self.low >= self.high:
            msg = f'the window "{self.name}" must rise, but goes from {self.low:g} to {self.high:g}'
            raise ValueError(msg)
        return self


FULL = "full range"
EIGHT_BITS = Grey(255, 0, 100, "%")  # of studies made before there were others
USUAL = {
    "HU": tuple(
        Window(name=name, low=level - width / 2, high=level + width / 2)
        for name, width, level in (
            ("soft tissue", 400, 40),
            ("lung", 1500, -600),
            ("bone", 1800, 400),
            ("brain", 80, 40),
            ("liver", 150, 30),
        )
    ),
    "%": (
        Window(name="full range", low=0, high=100),
        Window(name="brighter", low=0, high=67),
        Window(name="darker", low=24, high=100),
        Window(name="contrast", low=20, high=75),
    ),
}


def grey_of(steps: Preprocessing) -> Grey:
    """Return what the voxels of cases mean after these steps."""
    if isinstance(steps.intensity, WindowIntensity):
        return Grey(255, steps.intensity.low, steps.intensity.high, "HU")
    return EIGHT_BITS


def usual_windows(grey: Grey) -> tuple[Window, ...]:
    """Return the usual windows of which at least half lies in the range, and the whole range."""
    inside = [
        window
        for window in USUAL[grey.unit]
        if min(window.high, grey.high) - max(window.low, grey.low) >= (window.high - window.low) / 2
    ]
    if grey.unit == "HU":
        inside.append(Window(name=FULL, low=grey.low, high=grey.high))
    return tuple(inside)


def spelled_out(windows: object) -> object:
    """Return declared windows with a table in place of each name of a usual one.

    Raises:
        ValueError: for a name of none.
    """
    if not isinstance(windows, list | tuple):
        return windows
    known = {window.name: window for usual in USUAL.values() for window in usual}
    for name in windows:
        if isinstance(name, str) and name not in known:
            raise ValueError(unknown("window", name, known).removesuffix("."))
    return [known[one] if isinstance(one, str) else one for one in windows]


def odd_windows(windows: tuple[Window, ...], grey: Grey) -> list[str]:
    """Return a clause for each window that shows nothing of the range."""
    return [
        f'the window "{w.name}" ({w.low:g} to {w.high:g} {grey.unit}) lies outside the range of '
        f"the preparation, {grey.low:g} to {grey.high:g} {grey.unit}"
        for w in windows
        if w.high <= grey.low or w.low >= grey.high
    ]


def public(grey: Grey, windows: tuple[Window, ...]) -> dict[str, Any]:
    """Return what a reader's browser learns: the grey levels and the windows, the first shown."""
    return {"grey": asdict(grey), "windows": [[w.name, w.low, w.high] for w in windows]}


def shown(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return `public` of a stored design, also of one from before there were grey levels in it."""
    if "grey" not in design:
        return public(EIGHT_BITS, usual_windows(EIGHT_BITS))
    return {name: design[name] for name in ("grey", "windows")}
