"""The flow of readers, cases and readings through a study, as CONSORT and STARD draw it."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from reports.figures.canvas import GREY, INK, INSIDE, PALE, Canvas
from reports.figures.letters import BODY, SMALL, wrapped

NAME, ARROW = 0.75, 1.3  # inches of the name of a lane, and between two boxes
LEADING, AROUND, GAP = 0.145, 0.14, 0.09  # inches of a line, in a box and between lanes


@dataclass(frozen=True, slots=True)
class Lane:
    """What becomes of one kind of thing.

    Args:
        name: of the kind.
        boxes: how many there are at each stage, at least one.
        lost: who or what does not reach the next stage, one text between two boxes; or nothing.
    """

    name: str
    boxes: tuple[str, ...]
    lost: tuple[str, ...] = ()


def flow(lanes: Sequence[Lane]) -> Figure:
    """Draw a row of boxes and arrows for each lane."""
    stages = max(len(lane.boxes) for lane in lanes)
    wide = (INSIDE - NAME - ARROW * (stages - 1)) / stages
    texts = [[wrapped(box, wide - 0.16, BODY) for box in lane.boxes] for lane in lanes]
    losses = [[wrapped(loss, ARROW - 0.12, SMALL) for loss in lane.lost] for lane in lanes]
    heights = [
        AROUND + LEADING * max(text.count("\n") + 1 for text in (*boxes, *lost))
        for boxes, lost in zip(texts, losses, strict=True)
    ]
    canvas = Canvas()
    total = sum(heights) + GAP * (len(lanes) - 1)
    (axes,) = canvas.panels([1], 1, [total])
    axes.set(xlim=(0, INSIDE), ylim=(total, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    top = 0.0
    for lane, boxes, lost, tall in zip(lanes, texts, losses, heights, strict=True):
        middle = top + tall / 2
        axes.text(0, middle, lane.name, fontsize=BODY, fontweight="bold", color=INK, va="center")
        for place, text in enumerate(boxes):
            left = NAME + place * (wide + ARROW)
            _box(axes, left, top, wide, tall)
            axes.text(
                left + wide / 2, middle, text, fontsize=BODY, color=INK, ha="center", va="center"
            )
            if place:
                _arrow(axes, left - ARROW, middle, lost[place - 1] if lost else "")
        top += tall + GAP
    return canvas.finish()


def _box(axes: Axes, left: float, top: float, wide: float, tall: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left + 0.03, top + 0.03), wide - 0.06, tall - 0.06, boxstyle="round,pad=0.03",
            facecolor="white", edgecolor=GREY, linewidth=0.8, clip_on=False,
        )
    )  # fmt: skip


def _arrow(axes: Axes, left: float, middle: float, lost: str) -> None:
    """Draw an arrow to the next box, with what is lost upon it."""
    axes.annotate(
        "", (left + ARROW, middle), (left, middle),
        arrowprops={"arrowstyle": "-|>", "color": PALE if lost else GREY, "linewidth": 0.8,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    if lost:
        axes.text(
            left + ARROW / 2 - 0.04, middle, lost, fontsize=SMALL, color=GREY, ha="center",
            va="center", backgroundcolor="white", bbox={"facecolor": "white", "edgecolor": "none",
                                                       "pad": 1.5},
        )  # fmt: skip
