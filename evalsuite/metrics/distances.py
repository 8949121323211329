"""Distances of many rows of features, a block at a time.

A product of matrices is some twenty times as quick as taking differences, but rounds where rows are
much nearer to each other than to the middle: there differences are taken, so that every distance is
known to about 12 digits, whatever the size of the blocks, and that of equal rows is exactly 0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

MEMORY = 1 << 29  # bytes for blocks where no budget is named
MOST = 1024  # rows of a block; more are no quicker
NEAR = 1e-3  # squared distance, as a share of those from the middle, below which differences count
CHUNK = 1 << 18  # numbers whose differences are taken at a time


class Tile(NamedTuple):
    """What is known of some rows of one set and some of another.

    Args:
        squares: squared Euclidean distances.
        products: scalar products.
    """

    squares: Float[Tensor, "a b"]
    products: Float[Tensor, "a b"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a row of one set and a row of another.

    Args:
        first, second: in float64.
        middle: from where they are seen; distances do not depend on it but their rounding does.
    """

    first: Float[Tensor, "m d"]
    second: Float[Tensor, "n d"]
    middle: Float[Tensor, " d"]

    @classmethod
    def of(cls, first: Float[Tensor, "m d"], second: Float[Tensor, "n d"]) -> "Pairs":
        """Return the pairs of two sets, seen from the mean of the first."""
        return cls(first, second, first.mean(dim=0))

    def tile(self, rows: slice, columns: slice) -> Tile:
        """Return what is known of some of the pairs."""
        A, B = self.first[rows] - self.middle, self.second[columns] - self.middle
        products = A @ B.T
        sums = A.square().sum(dim=1)[:, None] + B.square().sum(dim=1)
        squares = (sums - 2 * products).clamp_(min=0)
        i, j = (squares < NEAR * sums).nonzero(as_tuple=True)
        squares[i, j] = self.exact(i + rows.start, j + columns.start)
        products += (A @ self.middle)[:, None] + self.second[columns] @ self.middle
        return Tile(squares, products)

    def squares(self, rows: slice) -> Float[Tensor, "a n"]:
        """Return the squared distances of some rows of the first set to all of the second."""
        parts = [self.tile(rows, some).squares for some in spans(0, len(self.second), MOST)]
        return torch.cat(parts, dim=1)

    def nearest(
        self, rows: slice, squares: Float[Tensor, "a n"], count: int
    ) -> tuple[Float[Tensor, "a k"], Int[Tensor, "a k"]]:
        """Return the smallest squared distances in each row, exact and in order, and of what.

        Args:
            rows: of the first set.
            squares: theirs to all of the second; infinite where these are left out.
            count: how many in each row, at most all.
        """
        found = squares.topk(min(count, squares.shape[1]), largest=False)
        i = torch.arange(rows.start, rows.stop).repeat_interleave(found.indices.shape[1])
        exact = self.exact(i, found.indices.flatten()).view_as(found.values)
        exact[found.values.isinf()] = torch.inf
        exact, order = exact.sort(dim=1, stable=True)
        return exact, found.indices.gather(1, order)

    def exact(self, i: Int[Tensor, " p"], j: Int[Tensor, " p"]) -> Float[Tensor, " p"]:
        """Return squared distances of single pairs from differences, the same in any company."""
        first, second = self.first.numpy(), self.second.numpy()
        found = np.empty(len(i))
        step = max(1, CHUNK // first.shape[1])
        for start in range(0, len(i), step):
            some = slice(start, start + step)
            apart = first[i[some].numpy()] - second[j[some].numpy()]
            found[some] = np.vecdot(apart, apart)
        return torch.from_numpy(found)


def spans(start: int, stop: int, step: int) -> Iterator[slice]:
    """Return the slices of at most so many steps that cover a range."""
    return (slice(i, min(i + step, stop)) for i in range(start, stop, step))


def affordable(memory: int, numbers: int, features: int) -> int:
    """Return how many rows a block may have, of so many numbers each beside its features."""
    spare = memory - 16 * MOST * features  # the rows of a tile that it is compared with
    return max(1, min(MOST, spare // (8 * (numbers + 2 * features))))


def median(values: Callable[[], Iterator[Float[Tensor, " _"]]], count: int, memory: int) -> float:
    """Return the median of values that are not negative, however many, without holding them.

    The order of such numbers is that of their bits as integers: each pass counts how many fall into
    each of a million parts of the range that holds the median, until those in it may be held.

    Args:
        values: gives all of them, in parts, each time that it is called.
        count: how many there are.
        memory: bytes for values that are held.
    """
    rank, low, width = (count - 1) // 2, 0, (1 << 63) - 1
    below, inside = 0, count
    while inside * 16 > memory and width > 1:
        step = max(1, width >> 20)
        counts = np.zeros(-(-width // step), dtype=np.int64)
        for part in values():
            bits = part.numpy().view(np.int64) - low
            np.add.at(counts, bits[(bits >= 0) & (bits < width)] // step, 1)
        ends = below + counts.cumsum()
        place = int(np.searchsorted(ends, rank, side="right"))
        low, width, inside = low + place * step, step, int(counts[place])
        below = int(ends[place]) - inside
    held, above = [], np.inf
    for part in values():
        bits = part.numpy().view(np.int64) - low
        held.append(part.numpy()[(bits >= 0) & (bits < width)] if width > 1 else part.numpy()[:0])
        above = min(above, part.numpy()[bits >= width].min(initial=np.inf))
    place, further = rank - below, min(rank + 1 - below, inside - 1)
    if width > 1:
        ordered = np.partition(np.concatenate(held), (place, further))
    else:
        ordered = np.broadcast_to(np.int64(low).view(np.float64), inside)
    own = float(ordered[place])
    if count % 2:
        return own
    return (own + float(ordered[further] if further > place else above)) / 2
