"""One page for every figure: its width, letters, margins, legend, notes, and grids of panels.

A figure says what stands below what, and how large a panel or picture is; the canvas measures
every text as it will be drawn and gives each the room that it takes. So nothing leaves the page.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from reports.figures.letters import BODY, DPI, NOTE, SMALL, TITLE, fonts, width, wrapped

# Inches. The page is as tall as what stands on it.
WIDTH, MARGIN, GAP, LEADING = 8.2, 0.12, 0.12, 0.02
INSIDE = WIDTH - 2 * MARGIN
DRAFT = 11.0  # the height until it is known
PASSES = 8  # at most, until what stands around the panels fits the room left for it
HANDLE = 0.55  # of a legend, with the space to the next
TILE_GAP, GROUP_GAP = 0.03, 0.09
INK, GREY, PALE, GRID = "#1c2127", "#555555", "#bbbbbb", "#e6e6e6"


class Line(NamedTuple):
    """A text above a panel, broken where it is too long."""

    text: str
    size: float = TITLE
    colour: str = INK
    bold: bool = False


class Canvas:
    """A page that is filled from the top to the bottom, and measured when it is finished."""

    def __init__(self) -> None:
        self._figure = Figure(figsize=(WIDTH, DRAFT), dpi=DPI)
        FigureCanvasAgg(self._figure)
        self._blocks: list[Callable[[float], float]] = []  # place at a top, return the height
        self._boxes: dict[Axes, tuple[float, float, float, float]] = {}
        self._heads: dict[Axes, list[tuple[Line, Text]]] = {}
        self._labels: dict[Text, str] = {}
        # Inches to the right of the left edge and above the upper edge of the page.
        self._upwards = Affine2D()
        self._inches = self._upwards + self._figure.transFigure  # moves as axes do where cropped
        self._up_to(DRAFT)
        # The page keeps its size, and so its letters theirs, when it is cropped.
        self._figure.add_artist(Line2D([0, 1], [0, 1], linestyle="none"))

    def words(self, text: str, size: float = NOTE, colour: str = "#333333") -> None:
        """Write a text across the page, broken where it is too long."""
        text = wrapped(text, INSIDE, size)
        artist = self._figure.text(
            MARGIN, 0, text, fontsize=size, color=colour, va="top", transform=self._inches
        )

        def place(top: float) -> float:
            artist.set_y(-top)
            return self._height(artist)

        self._blocks.append(place)

    def legend(self, handles: Sequence[Artist]) -> None:
        """Draw a legend in as many columns as fit beside each other; handles have labels."""
        if not handles:
            return
        labels = [wrapped(str(handle.get_label()), INSIDE - HANDLE, BODY) for handle in handles]
        wide = [HANDLE + max(width(line, BODY) for line in label.split("\n")) for label in labels]
        legend = self._figure.legend(
            list(handles),
            labels,
            loc="upper left",
            bbox_transform=self._inches,
            ncols=-(-len(wide) // -(-len(wide) // _columns(wide))),  # columns of like lengths
            fontsize=BODY,
            frameon=False,
            borderaxespad=0,
            borderpad=0,
        )

        def place(top: float) -> float:
            legend.set_bbox_to_anchor((MARGIN, -top), transform=self._inches)
            return self._height(legend)

        self._blocks.append(place)

    def rule(self, length: float, label: str) -> None:
        """Draw a bar of so many inches and what it stands for."""
        bar = Line2D([MARGIN, MARGIN + length], [0, 0], color="black", linewidth=2)
        bar.set(transform=self._inches, solid_capstyle="butt")
        self._figure.add_artist(bar)
        text = self._figure.text(
            MARGIN + length + 0.06, 0, label, fontsize=NOTE, va="center", transform=self._inches
        )

        def place(top: float) -> float:
            height = self._height(text)
            bar.set_ydata([-top - height / 2] * 2)
            text.set_y(-top - height / 2)
            return height

        self._blocks.append(place)

    def panels(
        self, cells: Sequence[int], columns: int, heights: Sequence[float] | None = None
    ) -> list[Axes]:
        """Return panels that share the width of the page, row by row.

        Args:
            cells: panels of each row, at most as many as columns.
            heights: inches of each row; None is squares.
        """
        return self._grid(cells, None, heights, [GAP] * columns)

    def tiles(
        self,
        widths: Sequence[float],
        heights: Sequence[float],
        group: int = 0,
        gap: float = TILE_GAP,
    ) -> list[Axes]:
        """Return black tiles for pictures, row by row.

        Args:
            widths, heights: inches of each column and row.
            group: columns after which there is more room.
        """
        gaps = [GROUP_GAP if group and (i + 1) % group == 0 else gap for i in range(len(widths))]
        panels = self._grid([len(widths)] * len(heights), widths, heights, gaps)
        for axes in panels:
            axes.set(xticks=[], yticks=[], facecolor="black")
            axes.spines[:].set_visible(False)
        return panels

    def head(self, axes: Axes, *lines: Line) -> None:
        """Write lines above a panel, from its left edge to the next panel."""
        self._heads[axes] = [
            (
                line,
                axes.text(
                    0,
                    1,
                    line.text,
                    fontsize=line.size,
                    color=line.colour,
                    fontweight="bold" if line.bold else "normal",
                    va="bottom",
                    transform=self._inches,
                    in_layout=False,
                ),
            )
            for line in lines
            if line.text
        ]

    def finish(self) -> Figure:
        """Return the figure with everything in its place."""
        for text in self._figure.findobj(Text):
            text.set_parse_math(False)  # a dollar in a name is no formula
            text.set_fontfamily(list(fonts()))
        top = MARGIN
        for block in self._blocks:
            top += block(top) + GAP
        page = top - GAP + MARGIN
        self._figure.set_size_inches(WIDTH, page)
        self._up_to(page)
        for axes, box in self._boxes.items():
            self._put(axes, box)
            _thin(axes)
        return self._figure

    def _up_to(self, tall: float) -> None:
        """Let inches begin at the upper edge of a page of this height."""
        self._upwards.clear().translate(0, tall).scale(1 / WIDTH, 1 / tall)

    def _height(self, artist: Artist) -> float:
        return float(artist.get_window_extent().height / self._figure.dpi)

    def _put(self, axes: Axes, box: tuple[float, float, float, float]) -> None:
        """Place axes at left, top, width and height in inches."""
        left, top, wide, tall = box
        page = self._figure.get_size_inches()[1]
        axes.set_position((left / WIDTH, 1 - (top + tall) / page, wide / WIDTH, tall / page))
        self._boxes[axes] = box

    def _grid(
        self,
        cells: Sequence[int],
        widths: Sequence[float] | None,
        heights: Sequence[float] | None,
        gaps: Sequence[float],
    ) -> list[Axes]:
        """Return axes with room for all around them; widths and heights are None if free."""
        rows = [[self._figure.add_axes((0, 0, 0.2, 0.2)) for _ in range(n)] for n in cells]

        def place(top: float) -> float:
            around = np.zeros((4, len(rows), len(gaps)))
            for _ in range(PASSES):
                before = around.copy()
                left, right = around[0].max(axis=0), around[1].max(axis=0)
                above, below = around[2].max(axis=1), around[3].max(axis=1)
                free = INSIDE - left.sum() - right.sum() - sum(gaps[:-1])
                across = widths or [free / len(gaps)] * len(gaps)
                y = top
                for i, row in enumerate(rows):
                    tall = heights[i] if heights else across[0]
                    x, y = MARGIN, y + above[i]
                    for j, axes in enumerate(row):
                        x += left[j]
                        self._put(axes, (x, y, across[j], tall))
                        self._wrap(axes, across[j], tall)
                        around[:, i, j] = self._around(axes, across[j] + right[j])
                        x += across[j] + right[j] + gaps[j]
                    y += tall + below[i] + (gaps[0] if i + 1 < len(rows) else 0)
                if np.allclose(around, before, atol=0.005):
                    break
            return float(y - top)

        self._blocks.append(place)
        return [axes for row in rows for axes in row]

    def _wrap(self, axes: Axes, wide: float, tall: float) -> None:
        """Break the labels of both axes where they are longer than the panel."""
        for label, room in ((axes.xaxis.label, wide), (axes.yaxis.label, tall)):
            text = self._labels.setdefault(label, label.get_text())
            label.set_text(wrapped(text, room, float(label.get_fontsize())) if text else "")

    def _around(self, axes: Axes, room: float) -> tuple[float, float, float, float]:
        """Return the inches that are taken left, right, above and below axes; write their head."""
        left, top, wide, tall = self._boxes[axes]
        drawn = axes.get_tightbbox()
        if drawn is None:
            raise ValueError("The axes of a panel are never hidden.")
        (x0, y0), (x1, y1) = self._inches.inverted().transform(drawn.get_points())
        above = max(y1 + top, 0.0)
        for line, text in reversed(self._heads.get(axes, [])):
            text.set_text(wrapped(line.text, room, line.size, bold=line.bold))
            text.set_position((left, above + LEADING - top))
            above += self._height(text) + LEADING
        return max(left - x0, 0.0), max(x1 - left - wide, 0.0), above, max(-y0 - top - tall, 0.0)


def empty(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    canvas = Canvas()
    canvas.words(text, BODY)
    return canvas.finish()


def in_rows(count: int, columns: int) -> list[int]:
    """Return how many of some panels stand in each row."""
    return [min(columns, count - start) for start in range(0, count, columns)]


def plain(
    axes: Axes, *, grid: Literal["x", "y", "both"] = "y", sides: Sequence[str] = ("bottom",)
) -> None:
    """Leave of a panel what is needed: some sides, small grey numbers and a pale grid.

    Args:
        sides: those that are drawn; without the left one the rows have no ticks.
    """
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.spines[list(sides)].set(visible=True, color=PALE)
    axes.tick_params(labelsize=SMALL, color=PALE, labelcolor=GREY, length=2, pad=1.5)
    if "left" not in sides:
        axes.tick_params(axis="y", length=0)
    axes.grid(axis=grid, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(size=SMALL, color=GREY)
    axes.yaxis.label.set(size=SMALL, color=GREY)


def _columns(widths: Sequence[float]) -> int:
    """Return how many columns, filled one after the other, fit beside each other on the page."""
    for columns in range(len(widths), 1, -1):
        long, longer = divmod(len(widths), columns)
        ends = np.cumsum([long + (i < longer) for i in range(columns)])
        if sum(max(column) for column in np.split(np.asarray(widths), ends[:-1])) <= INSIDE:
            return columns
    return 1


def _thin(axes: Axes) -> None:
    """Hide numbers below an axis that would meet their neighbour."""
    axes.get_tightbbox()  # makes the numbers that this width has room for
    low, high = sorted(axes.get_xlim())
    last = None
    for tick in axes.xaxis.get_major_ticks():
        if low <= tick.get_loc() <= high and tick.label1.get_text() and tick.label1.get_visible():
            box = tick.label1.get_window_extent()
            if last is not None and box.x0 < last + 2:
                tick.label1.set_visible(False)
            else:
                last = box.x1
