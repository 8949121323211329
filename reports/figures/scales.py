"""The axis of a panel of estimates: linear, or logarithmic where one would squeeze the others."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from evalsuite.records import Estimate

WIDE = 30.0  # times the smallest estimate or score from which an axis is logarithmic
TICKS = 4


def scale(axes: Axes, estimates: Sequence[Estimate]) -> None:
    """Set the range of an axis and its kind.

    An estimate takes the room from zero to the end of its interval. Where the least takes under
    one thirtieth of the most, the axis is logarithmic; if some reach zero or below, it is linear
    up to the room of the least and logarithmic beyond, so that zero and intervals across it stay.
    """
    drawn = [[e.value, *drawn_line(e)] for e in estimates]
    drawn += [[e.reference] for e in estimates if e.reference is not None]
    finite = [[end for end in ends if math.isfinite(end)] for ends in drawn]
    everything = [end for ends in finite for end in ends]
    rooms = [room for ends in finite if ends and (room := max(map(abs, ends))) > 0]
    if not rooms or max(rooms) <= WIDE * min(rooms):
        axes.set_xlim(*limits(estimates))
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        return
    least, lowest, highest = min(rooms), min(everything), max(everything)
    if lowest > least / WIDE:
        logarithmic(axes, lowest / 1.5, highest * 1.5)
        return
    axes.set_xscale("symlog", linthresh=least, linscale=1.0)
    axes.set_xlim(*(1.5 * end if abs(end) > least else end + sign * 0.1 * least
                    for end, sign in ((min(lowest, 0.0), -1), (max(highest, 0.0), 1))))  # fmt: skip
    axes.xaxis.set_major_locator(FixedLocator(_decades(lowest, highest, least)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    beyond = tick(float(f"{least:.2g}"))
    axes.set_xlabel(f"logarithmic beyond {beyond}")


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make an axis of positive numbers logarithmic, and say so."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(numticks=TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.set_xlabel("logarithmic")


def limits(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return the range that shows all, with zero where zero is the best there is."""
    ends = [end for e in estimates for end in (e.value, *drawn_line(e), e.reference)]
    finite = [end for end in ends if end is not None and math.isfinite(end)]
    if estimates[0].direction == "lower is better":
        finite.append(0.0)
    if not finite:
        return -1.0, 1.0
    low, high = min(finite), max(finite)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def drawn_line(estimate: Estimate) -> tuple[float, float]:
    """Return the ends of the drawn line: the interval, else a standard error to each side."""
    if estimate.interval:
        return estimate.interval.low, estimate.interval.high
    error = estimate.standard_error or 0.0
    return estimate.value - error, estimate.value + error


def tick(value: float, _: object = None) -> str:
    """Return a number as it stands at an axis or beside a point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _decades(low: float, high: float, least: float) -> list[float]:
    """Return zero and a few powers of ten beyond `least` on each side that is reached."""
    ticks = [0.0]
    for sign, end in ((1, high), (-1, -low)):
        powers = range(math.ceil(math.log10(least)), math.floor(math.log10(max(end, least))) + 1)
        step = max(1, math.ceil(len(powers) / (TICKS - 1)))
        ticks += [sign * 10.0**power for power in powers[::-1][::step]]
    return sorted(ticks)
