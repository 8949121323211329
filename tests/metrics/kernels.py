"""Kernels of all pairs at once, and their sums, for tests and nobody else."""

import torch

from evalsuite.metrics.distances import Pairs
from evalsuite.metrics.kernels import cubic_kernel, rbf_kernel
from evalsuite.metrics.squared_mmd import permutation_p_value, relabellings, squared_mmd, summed
from evalsuite.metrics.subjects import each_its_own


def rbf(rows, bandwidth):
    everything = slice(0, len(rows))
    return rbf_kernel(Pairs.of(rows, rows).tile(everything, everything).squares, bandwidth)


def cubic(rows):
    return cubic_kernel(rows @ rows.T, rows.shape[1])


def sums_of(kernel, subjects, labels=None):
    """Return the sums of a kernel of real and then synthetic volumes; subjects or how many real."""
    if isinstance(subjects, int):
        subjects = each_its_own(subjects, len(kernel) - subjects)
    if labels is None:
        labels = relabellings(*subjects.counts, 0, 0)
    starts = 0, len(subjects.real)

    def tiles(first, second, rows, columns):
        rows, columns = (
            slice(s.start + starts[cohort], s.stop + starts[cohort])
            for s, cohort in ((rows, first), (columns, second))
        )
        return {"": kernel[rows, columns].double()}

    return summed(tiles, subjects, labels)[""]


def mmd_of(kernel, m):
    return squared_mmd(sums_of(kernel, m))


def p_value_of(kernel, m, *, permutations=1000, seed=0):
    labels = relabellings(m, len(kernel) - m, permutations, seed)
    return permutation_p_value(sums_of(kernel, m, torch.as_tensor(labels)))
