"""Which cohorts of a study are compared, and the answers that can be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from evalsuite.records import Caveat
from evalsuite.statistics.cautions import ONE_READER
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import NO_TRUTH, TURING, Rated, rated_by_question
from evalsuite.statistics.ratings import area
from evalsuite.statistics.ratings.averages import ALONE, BOTH, cautions
from evalsuite.statistics.ratings.crossed import Crossed
from evalsuite.statistics.result import NAN, Result

NO_READER = Caveat(
    "no-reader-of-both", "No reader answered cases of both cohorts, so they cannot be compared."
)
NO_COHORTS = Caveat(
    "no-two-cohorts", "A comparison needs answers to a real and to a synthetic cohort."
)
TOO_FEW = Caveat("too-few-of-each-cohort", "There is no interval: it needs 2 cases of each cohort.")
UNVARYING = Caveat("unvarying-answers", "There is no interval: the answers do not vary.")
SAME_OF_EACH = Caveat(
    "same-answer-of-each-to-a-cohort",
    "There is no interval: each reader gave all cases of a cohort the same answer.",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The answers to two cohorts, of the readers who answered both.

    Args:
        question: its name.
        first, second: names of the cohorts; the first is the real one unless told otherwise.
        x, y: the answers to them; every reader has one or more in both.
        readers: columns of both.
        ordinal: whether the answers are options.
        span: how far apart the ends of the scale are; infinite where that is not told.
        fault: why nothing can be compared; None where it can.
        warnings: reasons to doubt a comparison.
        lasting: those that hold for some of its readers as well.
        told_apart: whether the question is whether a case is real.
    """

    question: str
    first: str
    second: str
    x: Float[np.ndarray, "m r"]
    y: Float[np.ndarray, "n r"]
    readers: tuple[str, ...]
    ordinal: bool
    span: float
    fault: Caveat | None
    warnings: tuple[Caveat, ...]
    lasting: tuple[Caveat, ...] = ()
    told_apart: bool = False

    def of_reader(self, i: int) -> "Pair":
        """Return the answers of one reader."""
        x, y = self.x[:, [i]], self.y[:, [i]]
        return Pair(
            self.question, self.first, self.second, x, y, (self.readers[i],),
            self.ordinal, self.span, self.fault, cautions([x, y]), (), self.told_apart,
        )  # fmt: skip

    def only(self, kept: Bool[np.ndarray, " r"], why: str) -> "Pair":
        """Return the answers of some of the readers, and say why the others were left out."""
        lasting = (*left_out(why, ~kept, self.readers), *self.lasting)
        return _of_readers(replace(self, lasting=lasting), kept)

    @property
    def about(self) -> Result:
        """What every number of them says: who and what went in, what varies, what to know."""
        x, y = ~np.isnan(self.x), ~np.isnan(self.y)
        several = len(self.readers) > 1
        return Result(
            value=NAN,
            where={"question": self.question, "first": self.first, "second": self.second},
            counts={
                "readers": len(self.readers),
                "first": int(x.any(axis=1).sum()),
                "second": int(y.any(axis=1).sum()),
                "answers": int(x.sum() + y.sum()),
            },
            random="cases and readers" if several else "cases",
            method=BOTH if several else ALONE,
            warnings=(*((self.fault,) if self.fault else ()), *self.warnings),
        )

    def within(self, ends: tuple[float, float]) -> tuple[float, float]:
        """Return the ends of an interval of a difference, none beyond what the scale allows."""
        low, high = ends
        return max(low, -self.span), min(high, self.span)

    def no_interval(self, contrast: Crossed, level: float) -> tuple[Caveat, ...]:
        """Say why there is an estimate and no interval; nothing where there is one."""
        sizes = [len(self.x), len(self.y)]
        if self.fault or np.isfinite(contrast.half_width(level)):
            return ()
        if min(sizes) < 2:
            return (TOO_FEW,)
        if contrast.varies:
            first, second = sizes
            return (
                area.TOO_FEW(level=level, first=first, second=second, least_p=contrast.least_p),
            )
        answers = np.concatenate([c[~np.isnan(c)] for c in (self.x, self.y)])
        return (UNVARYING if len(np.unique(answers)) < 2 else SAME_OF_EACH,)


def paired(table: pd.DataFrame, points: Mapping[str, int] | None = None) -> Iterator[Pair]:
    """Yield the answers to each real and each synthetic cohort, question by question.

    A question of which nothing can be compared has one with a fault.

    Args:
        table: the long table of one study.
        points: by question, how many options it offers.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    for rated in rated_by_question(table, points):
        lowest, highest = rated.scale(points)
        cohorts = list(product(rated.cohorts("real"), rated.cohorts("synthetic")))
        for first, second in cohorts:
            yield _pair(rated, first, second, highest - lowest)
        if not cohorts:
            none = np.empty((0, 0))
            yield Pair(
                rated.question, "", "", none, none, (), rated.points > 0, highest - lowest,
                NO_TRUTH if NO_TRUTH in rated.warnings else NO_COHORTS, (),
            )  # fmt: skip


def _pair(rated: Rated, first: str, second: str, span: float) -> Pair:
    x, y = rated.scores[first], rated.scores[second]
    both = ~np.isnan(x).all(axis=0) & ~np.isnan(y).all(axis=0)
    everyone = Pair(
        rated.question, first, second, x, y, rated.readers, rated.points > 0, span,
        None if both.any() else NO_READER, (), rated.warnings, rated.analysis == TURING,
    )  # fmt: skip
    if not both.any():
        return _of_readers(everyone, both)
    return everyone.only(both, "they did not answer cases of both cohorts")


def _of_readers(pair: Pair, kept: Bool[np.ndarray, " r"]) -> Pair:
    """Return the answers of some of the readers with the reasons to doubt a comparison of them."""
    readers = tuple(name for name, stays in zip(pair.readers, kept, strict=True) if stays)
    cohorts = [cohort[:, kept] for cohort in (pair.x, pair.y)]
    unread = [np.isnan(cohort).all(axis=1) for cohort in cohorts]
    x, y = (cohort[~without] for cohort, without in zip(cohorts, unread, strict=True))
    notes: tuple[Caveat, ...] = ()
    if readers:
        notes = left_out("none of these readers answered them", np.concatenate(unread), "cases")
        notes += cautions([x, y])
    if len(readers) == 1:
        notes = (ONE_READER, *notes)
    return replace(pair, x=x, y=y, readers=readers, warnings=(*notes, *pair.lasting))
