"""A figure of an evaluation as it is declared, for the entry-point group `evalsuite.figures`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from evalsuite.records import Chapter, Evaluation, Evidence


@dataclass(frozen=True, slots=True)
class Drawing:
    """What draws a figure, and where and how a report shows it.

    Args:
        draw: returns the figure, its pages, or None where there is nothing to show.
        chapter: of the report, if it has numbers; empty where the report draws it anew.
        caption: what it shows and how to read it.
    """

    draw: Callable[[Evaluation, Evidence], Figure | list[Figure] | None]
    chapter: Chapter | Literal["overview", ""]
    caption: str
