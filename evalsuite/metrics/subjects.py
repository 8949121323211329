"""Whom the volumes of two cohorts show: volumes of one subject are not independent."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subject of every volume of both cohorts, as a code.

    Codes count from 0 in the order of first appearance, so that a cohort without repeated
    subjects has the codes 0, 1, 2, ...; the same code on both sides does not mean one subject.

    Args:
        real: one code per real volume.
        synthetic: one code per synthetic volume.
    """

    real: Int[np.ndarray, "m"]
    synthetic: Int[np.ndarray, "n"]


def coded(subjects: Sequence[Hashable]) -> Int[np.ndarray, "n"]:
    """Return the subjects as codes in the order of first appearance.

    Example:
        >>> coded(["ann", "bea", "ann"]).tolist()
        [0, 1, 0]
    """
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(s, len(places)) for s in subjects], dtype=np.int64)


def each_its_own(m: int, n: int) -> Subjects:
    """Return subjects for m real and n synthetic volumes that show no one twice."""
    return Subjects(np.arange(m), np.arange(n))
