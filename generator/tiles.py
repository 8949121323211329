"""Large volumes piece by piece, with margins so wide that nobody can tell.

A convolution at one place sees no further than its reach: pieces with a margin of that reach give
the very numbers that the whole gives, in a bounded memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from jaxtyping import Float
from torch import Tensor

Box = tuple[slice, slice, slice]


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
        x, y, z = parts
        outer, inner, place = zip(x, y, z, strict=True)
        yield Piece(outer, inner, place)


def magnified(box: Box, factor: int) -> Box:
    """Return the same box in a grid that is finer by a factor."""
    x, y, z = (slice(part.start * factor, part.stop * factor) for part in box)
    return x, y, z


def within(tensor: Float[Tensor, "b c x y z"], box: Box) -> Float[Tensor, "b c u v w"]:
    """Return what lies in a box, as a view."""
    x, y, z = box
    return tensor[..., x, y, z]


def _interval(start: int, side: int, size: int, margin: int) -> tuple[slice, slice, slice]:
    stop = min(start + size, side)
    first, last = max(0, start - margin), min(side, stop + margin)
    return slice(first, last), slice(start - first, stop - first), slice(start, stop)
