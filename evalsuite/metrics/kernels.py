"""Kernels of pairs of volumes, and the bandwidth of one of them."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.distances import MEMORY, MOST, Pairs, affordable, median, spans


def rbf_kernel(
    squares: Float[Tensor, "a b"], bandwidth: float, widths: int = 1
) -> Float[Tensor, "a b"]:
    """Return exp(-|x - y|^2 / (2 bandwidth^2)) of pairs of rows; range [0, 1].

    Args:
        squares: |x - y|^2.
        bandwidth: sigma, in the unit of the features.
        widths: how many kernels are averaged, each twice as wide as the one before.
    """
    widest = 2 ** (widths - 1) * bandwidth
    kernel = (squares * (-0.5 / widest**2)).exp_()
    total: Float[Tensor, "a b"] = kernel.clone()
    for _ in range(widths - 1):
        kernel.square_().square_()  # half as wide: to the fourth power
        total += kernel
    return total / widths


def cubic_kernel(products: Float[Tensor, "a b"], features: int) -> Float[Tensor, "a b"]:
    """Return (x . y / d + 1)^3 of pairs of rows, the kernel of KID.

    It is not invariant under scale or translation: compare values of one extractor only.

    Args:
        products: x . y.
        features: d.

    References:
        Binkowski et al., ICLR 2018.
    """
    return (products / features + 1) ** 3


def median_distance(
    rows: Float[Tensor, "m d"],
    subjects: Int[np.ndarray, " m"] | None = None,
    *,
    memory: int = MEMORY,
) -> float:
    """Return the median Euclidean distance over all pairs of rows of different subjects.

    Args:
        rows: one row of d features per volume; at least 2 rows.
        subjects: the subject of each; by default each shows another. At least 2 subjects.
        memory: bytes for distances that are held.
    """
    rows, n = rows.double(), len(rows)
    codes = torch.arange(n) if subjects is None else torch.from_numpy(subjects)
    pairs = Pairs.of(rows, rows)
    side = affordable(memory, 8 * MOST, rows.shape[1])

    def distances() -> Iterator[Float[Tensor, " _"]]:
        for some in spans(0, n, side):
            for others in spans(some.start, n, side):
                apart = codes[some, None] != codes[None, others]
                if others == some:
                    apart = apart.triu(diagonal=1)
                yield pairs.tile(some, others).squares[apart].sqrt_()

    volumes = codes.bincount()
    count = (n**2 - int(volumes.square().sum())) // 2
    return median(distances, count, memory)
