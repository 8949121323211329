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

    @property
    def counts(self) -> tuple[int, int]:
        """Number of real and of synthetic subjects."""
        return len(np.unique(self.real)), len(np.unique(self.synthetic))

    @property
    def unit(self) -> str:
        """What is independent, for sentences: `subjects` where some have several volumes."""
        one_each = self.counts == (len(self.real), len(self.synthetic))
        return "volumes" if one_each else "subjects"


def coded(subjects: Sequence[Hashable]) -> Int[np.ndarray, "n"]:
    """Return the subjects as codes in the order of first appearance.

    Example:
        >>> coded(["ann", "bea", "ann"]).tolist()
        [0, 1, 0]
    """
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(s, len(places)) for s in subjects], dtype=np.int64)


def rows_of(chosen: Int[np.ndarray, "k"], subjects: Int[np.ndarray, "n"]) -> Int[np.ndarray, "r"]:
    """Return where the volumes of some subjects are, subject by subject in the order given.

    Args:
        chosen: codes of subjects, each once.
        subjects: the code of every volume.

    Example:
        >>> rows_of(np.array([2, 0]), np.array([0, 1, 2, 0])).tolist()
        [2, 0, 3]
    """
    places = np.full(subjects.max() + 1, -1)
    places[chosen] = np.arange(len(chosen))
    place = places[subjects]
    rows = np.flatnonzero(place >= 0)
    order = place[rows].argsort(kind="stable")
    return np.array(rows[order], dtype=np.int64)


def each_its_own(m: int, n: int) -> Subjects:
    """Return subjects for m real and n synthetic volumes that show no one twice."""
    return Subjects(np.arange(m), np.arange(n))
