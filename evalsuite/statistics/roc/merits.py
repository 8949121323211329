"""What readers achieved under treatments, with the covariance that common cases bring."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.rated import CLUSTERED
from evalsuite.statistics.ratings.crossed import least_p_of_order
from evalsuite.statistics.roc.auc import (
    CLUSTERS,
    DELONG,
    UNBIASED,
    PairSums,
    area_freedom,
    auc_covariance,
    share_covariance,
)
from evalsuite.statistics.roc.one_shot import U_STATISTIC, area_sums, everyone
from evalsuite.statistics.roc.readings import Readings

NESTED = Caveat(
    "nested-cases",
    "No case was read by two readers: cases are nested within readers, and differences between "
    "readers hold differences between their cases as well.",
)
MISSING = Caveat(
    "readings-missing",
    "{n} of {size} pairs of a reader and a case have an answer. Every figure is of the cases its "
    "reader read, and degrees of freedom are approximate.",
)


@dataclass(frozen=True, slots=True)
class Trials:
    """What the number of cases allows to say of figures, by treatment and reader.

    Args:
        disjoint: how many trials without a common case a figure of 0 or 1 rests on.
        freedom: degrees of freedom of the variance of one figure.
        together: of the covariance of several readers' figures, by treatment.
        least_p: the smallest two-sided p-value of chance, by treatment.
    """

    disjoint: Int[np.ndarray, "t r"]
    freedom: Float[np.ndarray, "t r"]
    together: Float[np.ndarray, " t"]
    least_p: Float[np.ndarray, " t"]

    def only(self, treatments: Sequence[int], readers: Sequence[int]) -> "Trials":
        """Return those of some treatments and readers."""
        cells, chosen = np.ix_(treatments, readers), list(treatments)
        return Trials(
            self.disjoint[cells], self.freedom[cells], self.together[chosen], self.least_p[chosen]
        )


@dataclass(frozen=True, slots=True)
class Merits:
    """One figure of merit of r readers under t treatments, with its covariance.

    Args:
        question, figure: what was asked, and the name of the figure.
        treatments, readers: names.
        value: the figures; nan where undefined.
        covariance: of the figures when cases are drawn anew; nan where undefined.
        read: who read which case under which treatment.
        method, reference: of the covariance.
        warnings: what to know of all of it, each one plain sentence.
        trials: what the number of cases allows to say; None if not known.
        sums: over the comparisons of two cases that each reader made under each treatment, of
            what they counted and of 1, where readers and cases are not fully crossed.
    """

    question: str
    figure: str
    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    value: Float[np.ndarray, "t r"]
    covariance: Float[np.ndarray, "t r t r"]
    read: Bool[np.ndarray, "t r c"]
    method: str
    reference: str
    warnings: tuple[Caveat, ...] = ()
    trials: Trials | None = None
    sums: tuple[PairSums, PairSums] | None = None

    @property
    def usable(self) -> Bool[np.ndarray, "t r"]:
        """Where both the figure and its variance are defined."""
        variance = np.einsum("trtr->tr", self.covariance)
        return np.asarray(np.isfinite(self.value) & np.isfinite(variance))

    @property
    def n_cases(self) -> int:
        """How many cases were read by anyone."""
        return int(self.read.any(axis=(0, 1)).sum())

    def only(self, treatments: Sequence[int], readers: Sequence[int]) -> "Merits":
        """Return those treatments and readers, and what there is to know of their cases."""
        cells = np.ix_(treatments, readers)
        read = self.read[cells]
        rows = np.arange(self.value.size).reshape(self.value.shape)[cells].ravel()
        return Merits(
            self.question,
            self.figure,
            tuple(self.treatments[t] for t in treatments),
            tuple(self.readers[r] for r in readers),
            self.value[cells],
            self.covariance[np.ix_(treatments, readers, treatments, readers)],
            read,
            self.method,
            self.reference,
            (*self.warnings, *_of_readings(read)),
            self.trials and self.trials.only(treatments, readers),
            self.sums and (self.sums[0].only(rows), self.sums[1].only(rows)),
        )


def auc_merits(readings: Readings) -> Merits:
    """Return the AUC of every reader under every treatment, with its covariance.

    Cases of one subject are one observation. It is DeLong's where readers and cases are fully crossed under each treatment, else the
    unbiased one of Gallas (split-plot designs, missing readings).
    """
    t, r = len(readings.treatments), len(readings.readers)
    m, n = readings.positive.shape[2], readings.negative.shape[2]
    sides = readings.positive, readings.negative
    rows = readings.positive.reshape(t * r, m), readings.negative.reshape(t * r, n)
    read = ~np.isnan(np.concatenate(sides, axis=2))
    # Who read no case of a truth has no figure, so that the others may well be crossed.
    idle = ~np.all([(~np.isnan(side)).any(axis=2) for side in sides], axis=0)
    whom = readings.subjects
    sums = None if whom or everyone(read | idle[..., None]) else area_sums(*rows)
    value, matrix = share_covariance(*sums) if sums else auc_covariance(*rows, whom)
    covariance = U_STATISTIC if sums else "DeLong covariance"
    return Merits(
        readings.question,
        "AUC",
        readings.treatments,
        readings.readers,
        value.reshape(t, r),
        matrix.reshape(t, r, t, r),
        read,
        f"empirical AUC, {covariance}{', cases of a subject as one' if whom else ''}",
        f"{DELONG}; {CLUSTERS}" if whom else UNBIASED if sums else DELONG,
        # This covariance knows of subjects.
        tuple(c for c in readings.warnings if c.code != CLUSTERED.code),
        trials=_trials(*sides, whom),
        sums=sums,
    )


def _trials(
    positive: Float[np.ndarray, "t r m"],
    negative: Float[np.ndarray, "t r n"],
    subjects: tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]] | None,
) -> Trials:
    if subjects is not None:
        positive, negative = (
            _of_subjects(side, own)
            for side, own in zip((positive, negative), subjects, strict=True)
        )
    given = [~np.isnan(side) for side in (positive, negative)]
    t, r = positive.shape[:2]
    cases = [side.any(axis=1).sum(axis=1) for side in given]
    freedom = [
        [area_freedom(positive[k, [i]], negative[k, [i]]) for i in range(r)] for k in range(t)
    ]
    return Trials(
        np.minimum(*(side.sum(axis=2) for side in given)),
        np.array(freedom, float).reshape(t, r),
        np.array(cases[0] + cases[1] - 2.0),
        np.array([least_p_of_order(int(m), int(n)) for m, n in zip(*cases, strict=True)]),
    )


def _of_subjects(
    side: Float[np.ndarray, "t r c"], subjects: Int[np.ndarray, " c"]
) -> Float[np.ndarray, "t r s"]:
    """Return the mean rating of each subject, of which as many are independent."""
    member = np.eye(subjects.max(initial=-1) + 1)[subjects][:, np.unique(subjects)]
    read = (~np.isnan(side)).astype(float) @ member
    with np.errstate(invalid="ignore"):
        return np.where(read > 0, np.nan_to_num(side) @ member / read, np.nan)


def _of_readings(read: Bool[np.ndarray, "t r c"]) -> tuple[Caveat, ...]:
    """Return what the design lacks of readers and cases fully crossed."""
    possible = int(read.any(axis=1, keepdims=True).sum()) * read.shape[1]
    answered = int(read.sum())
    if answered == possible:
        return ()
    if not (read.any(axis=0).sum(axis=0) > 1).any():
        return (NESTED,)
    return (MISSING(n=answered, size=possible),)
