"""Large volumes piece by piece, with margins so wide that nobody can tell.

A convolution at one place sees no further than its reach: pieces with a margin of that reach give
the very numbers that the whole gives, in a bounded memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a grid.

    Args:
        outer: the piece with its margin, in the grid.
        inner: the piece, in what comes of `outer`.
        place: the piece, in the grid.
    """

    outer: Box
    inner: Box
    place: Box


def pieces(sides: Sequence[int], size: int, margin: int) -> Iterator[Piece]:
    """Yield the pieces of a grid, `size` points along each axis or what is left of it."""
    along = [[_interval(start, side, size, margin) for start in range(0, side, size)]
             for side in sides]  # fmt: skip
    for parts in product(*along):
        outer, inner, place = zip(*parts, strict=True)
        yield Piece(outer, inner, place)


def magnified(box: Box, factor: int) -> Box:
    """Return the same box in a grid that is finer by a factor."""
    return tuple(slice(part.start * factor, part.stop * factor) for part in box)


def _interval(start: int, side: int, size: int, margin: int) -> tuple[slice, slice, slice]:
    stop = min(start + size, side)
    first, last = max(0, start - margin), min(side, stop + margin)
    return slice(first, last), slice(start - first, stop - first), slice(start, stop)
