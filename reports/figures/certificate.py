"""Which fault which metric sees: a matrix of power, one cell for each severity."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from evalsuite.certificate import POWER, Certificate, Tried
from evalsuite.ranking import quantities
from reports.figures.canvas import GREY, INK, PALE, Canvas, Line
from reports.figures.letters import NOTE, SMALL

ROW, BETWEEN = 0.2, 0.35  # inches of a row, and widths of a cell between faults
POWERS = LinearSegmentedColormap.from_list("power", ["#f3f5f7", "#9cc3e0", "#0b4f8a"])
REWARDED = "#D55E00"


def matrix(certificate: Certificate) -> Figure:
    """Draw the power of every number against every fault, darker for more.

    A panel for each extractor, a row for each number, a block of cells for each fault, in it the
    severities from left to right. A dot marks what is seen with 80 % power; orange with a
    cross is what makes the number better, beyond chance: the metric rewards the fault.
    """
    canvas = Canvas()
    canvas.legend(_legend())
    extractors = list(dict.fromkeys(judged.extractor for judged in certificate.judged))
    rows = [[j for j in certificate.judged if j.extractor == e] for e in extractors]
    panels = canvas.panels([1] * len(rows), 1, [ROW * len(own) for own in rows])
    titles = {name: quantity.title for name, quantity in quantities().items()}
    for place, (axes, extractor, own) in enumerate(zip(panels, extractors, rows, strict=True)):
        canvas.head(axes, Line(extractor))
        starts = _starts(certificate)
        for y, judged in enumerate(own):
            for start, trial in zip(starts, judged.trials, strict=True):
                for step, one in enumerate(trial.tried):
                    _cell(axes, start + step, y, one)
        ends = [starts[-1] + len(certificate.faults[-1].levels), len(own)]
        axes.set(xlim=(0, ends[0]), ylim=(ends[1], 0))
        names = [
            " ".join([titles.get(j.name, j.name), *(value for _, value in j.where)]) for j in own
        ]
        axes.set_yticks([y + 0.5 for y in range(len(own))], names, fontsize=NOTE, color=INK)
        axes.tick_params(length=0, pad=2)
        axes.spines[:].set_visible(False)
        _severities(axes, certificate, starts, told=place == len(rows) - 1)
        if place == 0:
            _faults(axes, certificate, starts)
    return canvas.finish()


def _starts(certificate: Certificate) -> list[float]:
    """Return where the block of each fault begins."""
    starts, at = [], 0.0
    for fault in certificate.faults:
        starts.append(at)
        at += len(fault.levels) + BETWEEN
    return starts


def _cell(axes: Axes, x: float, y: int, one: Tried) -> None:
    rewarded = one.rewarded > one.power and one.rewarded >= POWER / 2
    colour = REWARDED if rewarded else to_hex(POWERS(one.power))
    shade = one.rewarded if rewarded else 1.0
    axes.add_patch(Rectangle((x, y + 0.06), 0.94, 0.88, facecolor=colour, alpha=shade, linewidth=0))
    if max(one.power, one.rewarded) >= POWER:
        marker = "x" if rewarded else "o"
        axes.plot(x + 0.47, y + 0.5, marker, color="white", markersize=2.4, markeredgewidth=0.9)


def _faults(axes: Axes, certificate: Certificate, starts: Sequence[float]) -> None:
    """Write the faults above the first panel."""
    above = axes.secondary_xaxis("top")
    middles = [s + len(f.levels) / 2 for s, f in zip(starts, certificate.faults, strict=True)]
    titles = [fault.title for fault in certificate.faults]
    above.set_xticks(middles, titles, fontsize=NOTE, color=INK, rotation=50, ha="left")
    above.tick_params(length=0, pad=1)
    above.spines[:].set_visible(False)


def _severities(
    axes: Axes, certificate: Certificate, starts: Sequence[float], *, told: bool
) -> None:
    """Write the severities below the last panel."""
    places, labels = [], []
    for start, fault in zip(starts, certificate.faults, strict=True):
        places += [start + step + 0.47 for step in range(len(fault.levels))]
        labels += [fault.told(level) for level in fault.levels]
    if told:
        axes.set_xticks(places, labels, fontsize=SMALL - 0.5, color=GREY, rotation=90)
    else:
        axes.set_xticks([])


def _legend() -> list[Artist]:
    return [
        Patch(facecolor=to_hex(POWERS(0.05)), edgecolor=PALE, label="not seen"),
        Patch(facecolor=to_hex(POWERS(0.5)), label="seen in half of the splits"),
        Patch(facecolor=to_hex(POWERS(1.0)), label="seen in all (dot: in 80 % or more)"),
        Patch(facecolor=REWARDED, label="the number gets better (cross: in 80 % or more)"),
    ]
