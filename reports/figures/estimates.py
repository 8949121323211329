"""What the metrics say: every estimate of every synthetic cohort beside its yardstick."""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evalsuite.records import Estimate, Evaluation, Evidence
from reports.figures.cohorts import Look, empty, looks, shortened

COLUMNS = 4
NOTES = 12
NOTE_LENGTH = 230
# Inches; a row is one cohort in one panel.
PANEL, VALUES, ROW = 1.7, 0.85, 0.19
HEAD, FOOT, SECTION, LEGEND, LINE = 0.4, 0.28, 0.34, 0.3, 0.125
GREY = "#555555"


def estimates(evaluation: Evaluation, evidence: Evidence) -> Figure:  # noqa: ARG001
    """Draw one panel per features and quantity, one row per synthetic cohort.

    A point is the estimate, the thick line its interval (one standard error to each side, thin,
    where it has none), the dashed line the same quantity within the real cohort. A hollow point
    has a warning, whose number stands behind the value and whose text stands below. p-values are
    on a scale from 0 to 1 with 0.05 dotted.
    """
    if not evaluation.estimates:
        return empty("There are no estimates.")
    sections: dict[str, dict[str, list[Estimate]]] = {}
    for estimate in evaluation.estimates:
        sections.setdefault(estimate.extractor, {}).setdefault(estimate.label, []).append(estimate)
    notes = Notes.of(evaluation.estimates)
    cohort_looks = looks(evaluation)
    names = [cohort.name for cohort in evaluation.synthetic]
    columns = min(COLUMNS, max(len(panels) for panels in sections.values()))
    left = 0.2 + 0.07 * max(len(shortened(name)) for name in names)
    width = max(left + columns * (PANEL + VALUES), 6.5)
    lines = notes.lines(int(width * 21))
    rows = sum(-(-len(panels) // columns) for panels in sections.values())
    panel_height = (len(names) + 0.4) * ROW
    top = (
        len(sections) * SECTION
        + rows * (HEAD + panel_height + FOOT)
        + LEGEND
        + LINE * len(lines)
        + 0.1
    )
    figure = Figure(figsize=(width, top))
    page = (width, top)
    for extractor, panels in sections.items():
        top -= SECTION
        shared = set.intersection(*(set(e.warnings) for group in panels.values() for e in group))
        title = extractor or "volumes, no features"
        figure.text(
            0.12 / page[0],
            (top + 0.08) / page[1],
            f"{title} {notes.marks(shared)}",
            fontsize=9.5,
            weight="bold",
        )
        for place, (name, group) in enumerate(panels.items()):
            column = place % columns
            if column == 0:
                top -= HEAD + panel_height + FOOT
            x = left + column * (PANEL + VALUES)
            box = (x / page[0], (top + FOOT) / page[1], PANEL / page[0], panel_height / page[1])
            axes = figure.add_axes(box)
            _frame(axes, name, group, names, labelled=column == 0)
            for estimate in group:
                y = names.index(estimate.synthetic)
                _row(axes, estimate, y, cohort_looks[estimate.synthetic])
                own = notes.marks(set(estimate.warnings) - shared)
                _value(axes, estimate, y, own)
    figure.legend(
        handles=legend(evaluation.estimates),
        loc="lower left",
        bbox_to_anchor=(0.04 / page[0], (LINE * len(lines) + 0.06) / page[1]),
        ncols=5,
        frameon=False,
        fontsize=7,
    )
    figure.text(0.12 / page[0], 0.07 / page[1], "\n".join(lines), fontsize=6.5, va="bottom")
    return figure


@dataclass(frozen=True, slots=True)
class Notes:
    """The warnings of an evaluation, numbered; those that differ only in figures are one.

    Args:
        variants: by text with its figures blanked, the texts, in order of appearance.
    """

    variants: dict[str, list[str]]

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> "Notes":
        """Collect the warnings of the estimates."""
        variants: dict[str, list[str]] = {}
        for warning in dict.fromkeys(w for estimate in estimates for w in estimate.warnings):
            variants.setdefault(_blanked(warning), []).append(warning)
        return cls(variants)

    def marks(self, warnings: set[str]) -> str:
        """Return the numbers of the warnings in brackets; those that are not printed have none."""
        asked = {_blanked(warning) for warning in warnings}
        printed = list(self.variants)[:NOTES]
        numbers = ", ".join(str(i) for i, key in enumerate(printed, 1) if key in asked)
        return f"[{numbers}]" if numbers else ""

    def lines(self, width: int) -> list[str]:
        """Return the numbered texts as lines of at most `width` characters."""
        lines = []
        for number, texts in enumerate(list(self.variants.values())[:NOTES], 1):
            text = textwrap.shorten(texts[0], NOTE_LENGTH, placeholder=" …")
            alike = " (The figures differ between cohorts.)" if len(texts) > 1 else ""
            lines += textwrap.wrap(f"[{number}] {text}{alike}", width, subsequent_indent="      ")
        if len(self.variants) > NOTES:
            lines.append(f"{len(self.variants) - NOTES} more warnings are in results.json.")
        return lines


def _blanked(warning: str) -> str:
    return re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "#", warning)


def _frame(
    axes: Axes, name: str, group: Sequence[Estimate], names: Sequence[str], *, labelled: bool
) -> None:
    """Draw everything of a panel that is not an estimate."""
    is_p_value = name.endswith("_p_value")
    references = {e.reference for e in group if e.reference is not None}
    direction = group[0].direction
    if is_p_value:
        direction_text = "small: a difference beyond chance"
    elif direction == "nearer the reference is better" and references:
        direction_text = "nearer the dashed line is better"
    else:
        direction_text = direction
    inches = (len(names) + 0.4) * ROW
    axes.text(0, 1 + 0.2 / inches, name.replace("_", " "), transform=axes.transAxes, fontsize=8)
    axes.text(
        0, 1 + 0.07 / inches, direction_text, transform=axes.transAxes, fontsize=6.5, color=GREY
    )
    axes.set_ylim(len(names) - 0.3, -0.7)
    axes.set_yticks(
        range(len(names)), [shortened(n) for n in names] if labelled else [""] * len(names)
    )
    axes.tick_params(axis="y", length=0, labelsize=7.5)
    axes.tick_params(axis="x", labelsize=6.5, color="#bbbbbb", labelcolor=GREY, length=2, pad=1.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for reference in sorted(r for r in references if math.isfinite(r)):
        axes.axvline(reference, color="black", linestyle=(0, (4, 2)), linewidth=0.9, zorder=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    if is_p_value:
        axes.set_xlim(-0.04, 1.04)
        axes.set_xticks([0, 0.5, 1])
        axes.axvline(0.05, color=GREY, linestyle=":", linewidth=0.9, zorder=1)
        return
    axes.set_xlim(*limits(group))
    axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))


def limits(group: Sequence[Estimate]) -> tuple[float, float]:
    """Return the range that shows all, with zero where zero is the best there is."""
    ends = [end for e in group for end in (e.value, *drawn_line(e), e.reference)]
    finite = [end for end in ends if end is not None and math.isfinite(end)]
    if group[0].direction == "lower is better":
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


def _row(axes: Axes, estimate: Estimate, y: int, look: Look) -> None:
    if not math.isfinite(estimate.value):
        return
    axes.plot(
        drawn_line(estimate),
        (y, y),
        color=look.colour,
        linewidth=2.2 if estimate.interval else 0.9,
        solid_capstyle="butt",
        zorder=2,
    )
    axes.plot(
        estimate.value,
        y,
        marker=look.marker,
        markersize=5,
        markerfacecolor="white" if estimate.warnings else look.colour,
        markeredgecolor=look.colour,
        zorder=3,
        clip_on=False,
    )


def _value(axes: Axes, estimate: Estimate, y: int, marks: str) -> None:
    """Write the number, and those of its warnings, to the right of the panel."""
    number = f"{estimate.value:.3g}" if math.isfinite(estimate.value) else "undefined"
    axes.text(
        1.03,
        y,
        f"{number} {marks}",
        transform=axes.get_yaxis_transform(),
        fontsize=6.5,
        color=GREY,
        va="center",
        style="normal" if math.isfinite(estimate.value) else "italic",
    )


def legend(estimates: Sequence[Estimate]) -> list[Line2D]:
    """Return an entry for each kind of mark that occurs."""
    levels = sorted({round(100 * e.interval.level, 1) for e in estimates if e.interval})
    level = " or ".join(f"{level:g} %" for level in levels)
    point: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 5, "linestyle": ""}
    handles = [Line2D([], [], **point, label="estimate")]
    if any(e.warnings for e in estimates):
        handles.append(Line2D([], [], **point, markerfacecolor="white", label="with a warning"))
    if levels:
        handles.append(Line2D([], [], color=GREY, linewidth=2.2, label=f"{level} interval"))
    if any(e.standard_error and not e.interval for e in estimates):
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, label="± standard error"))
    if any(e.reference is not None for e in estimates):
        dashes = (0, (4, 2))
        handles.append(
            Line2D([], [], color="black", linewidth=0.9, linestyle=dashes, label="within real")
        )
    return handles
