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
TWELVE_BITS, SIXTEEN_BITS = 2**12 - 1, 2**16 - 1
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
        Window(name=FULL, low=0, high=100),
        Window(name="brighter", low=0, high=67),
        Window(name="darker", low=24, high=100),
        Window(name="contrast", low=20, high=75),
    ),
}


def grey_of(steps: Preprocessing) -> Grey:
    """Return what the voxels of cases mean after these steps.

    Scanners store whole Hounsfield units. In as many levels they fall on levels, and no volume
    has gaps between them; 12 bits are beyond what any screen shows, and noise in further ones
    would not compress.
    """
    if not isinstance(steps.intensity, WindowIntensity):
        return Grey(TWELVE_BITS, 0, 100, "%")
    low, high = steps.intensity.low, steps.intensity.high
    width = high - low
    as_scanned = width.is_integer() and EIGHT_BITS.levels <= width <= SIXTEEN_BITS
    return Grey(int(width) if as_scanned else TWELVE_BITS, low, high, "HU")


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
    """Return a clause for each window of another unit, or that shows nothing of the range."""
    faults = []
    for window in windows:
        units = [unit for unit, usual in USUAL.items() if window in usual]
        if units and grey.unit not in units:
            faults.append(
                f'the window "{window.name}" is one in {units[0]}, but these cases are shown '
                f"in {grey.unit}; name one of {', '.join(w.name for w in USUAL[grey.unit])}, "
                "or give name, low and high"
            )
        elif window.high <= grey.low or window.low >= grey.high:
            faults.append(
                f'the window "{window.name}" ({window.low:g} to {window.high:g} {grey.unit}) lies '
                f"outside the range of the preparation, {grey.low:g} to {grey.high:g} {grey.unit}"
            )
    return faults


def public(grey: Grey, windows: tuple[Window, ...]) -> dict[str, Any]:
    """Return what a reader's browser learns: the grey levels and the windows, the first shown."""
    return {"grey": asdict(grey), "windows": [[w.name, w.low, w.high] for w in windows]}


def shown(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return `public` of a stored design, also of one from before there were grey levels in it."""
    if "grey" not in design:
        return public(EIGHT_BITS, usual_windows(EIGHT_BITS))
    return {name: design[name] for name in ("grey", "windows")}
