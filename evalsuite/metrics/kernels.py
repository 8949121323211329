"""Kernels of pairs of volumes, and their sums over pairs of subjects."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.subjects import Subjects


def rbf_kernel(rows: Float[Tensor, "N d"], *bandwidths: float) -> Float[Tensor, "N N"]:
    """Return exp(-|x - y|^2 / (2 bandwidth^2)) for all pairs of rows; range [0, 1].

    Args:
        rows: one row of d features per volume.
        bandwidths: sigma, in the unit of the features; of several, the kernels are averaged.
    """
    squares = -0.5 * _distances(rows).square()
    return torch.stack([(squares / sigma**2).exp() for sigma in bandwidths]).mean(dim=0)


def cubic_kernel(rows: Float[Tensor, "N d"]) -> Float[Tensor, "N N"]:
    """Return (x . y / d + 1)^3 for all pairs of rows, the kernel of KID.

    It is not invariant under scale or translation: compare values of one extractor only.

    Args:
        rows: one row of d features per volume.

    References:
        Binkowski et al., ICLR 2018.
    """
    return (rows @ rows.T / rows.shape[1] + 1) ** 3


def median_distance(
    rows: Float[Tensor, "m d"], subjects: Int[np.ndarray, " m"] | None = None
) -> float:
    """Return the median Euclidean distance over all pairs of rows of different subjects.

    Args:
        rows: one row of d features per volume; at least 2 rows.
        subjects: the subject of each; by default each shows another. At least 2 subjects.
    """
    distances = torch.pdist(rows.double()).numpy()
    if subjects is not None:
        i, j = np.triu_indices(len(rows), k=1)
        distances = distances[subjects[i] != subjects[j]]
    return float(np.median(distances))


def subject_sums(
    kernel: Float[Tensor, "N N"], subjects: Subjects
) -> tuple[Float[Tensor, "s s"], Float[Tensor, " s"]]:
    """Return the sums of the kernel over the volumes of each two subjects, and volumes of each.

    Real subjects come first. Where every volume shows another subject, the sums are the kernel.

    Args:
        kernel: symmetric matrix over the real and then the synthetic volumes.
        subjects: whom these show.
    """
    codes = torch.from_numpy(
        np.concatenate([subjects.real, subjects.real.max() + 1 + subjects.synthetic])
    )
    sizes = codes.bincount().double()
    if len(sizes) == len(codes):
        return kernel, sizes
    rows = kernel.new_zeros(len(sizes), len(codes)).index_add(0, codes, kernel)
    return kernel.new_zeros(len(sizes), len(sizes)).index_add(1, codes, rows), sizes


def _distances(rows: Float[Tensor, "N d"]) -> Float[Tensor, "N N"]:
    """Return Euclidean distances; from differences, so that equal rows are at exactly 0."""
    N = len(rows)
    i, j = torch.triu_indices(N, N, offset=1)
    matrix = rows.new_zeros(N, N)
    matrix[i, j] = matrix[j, i] = torch.pdist(rows)
    return matrix
