"""The answers that a coefficient of agreement rests on, or why there can be none."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.agreement.rows import Resampling
from evalsuite.statistics.answers import Answers
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.resample import Statistic, over_drawn
from evalsuite.statistics.result import Result

TOO_FEW_READERS = Caveat(
    "too-few-readers-to-agree", "Agreement needs at least 2 readers, but got {n}."
)
NOTHING_SHARED = Caveat(
    "nothing-shared",
    "No case was answered by two readers, so their {n} cases cannot be compared.",
)
ONE_SHARED = Caveat(
    "one-case-shared", "Agreement needs at least 2 cases with answers of two readers, but got 1."
)


class Usable(NamedTuple):
    """The answers that a coefficient rests on.

    Args:
        ratings: of the readers and cases that are left; nan where there is no answer.
        strata: of these cases.
        readers: names of these readers.
        notes: whom and what it leaves out.
    """

    ratings: Float[np.ndarray, "c r"]
    strata: Int[np.ndarray, " c"]
    readers: tuple[str, ...]
    notes: tuple[Caveat, ...]


def usable(answers: Answers, *, shared: bool) -> Usable:
    """Return first showings with an answer, or those that two or more readers answered."""
    given = ~np.isnan(answers.first)
    count = given.sum(axis=1)
    rows = count > shared
    present = given[rows].any(axis=0)
    why = "they answered no case of another reader" if shared else "they gave no answer"
    notes = left_out(why, ~present, answers.readers)
    if shared:
        notes += left_out("only one reader answered them", (count == 1)[count > 0], "cases")
    readers = tuple(name for name, gave in zip(answers.readers, present, strict=True) if gave)
    return Usable(answers.first[rows][:, present], answers.strata[rows], readers, notes)


def why_undefined(ratings: Float[np.ndarray, "c r"]) -> Caveat | None:
    """Return why no coefficient can be computed, if none can."""
    c, r = ((~np.isnan(ratings)).any(axis=axis).sum() for axis in (1, 0))
    if r < 2:
        return TOO_FEW_READERS(n=int(r))
    shared = int(((~np.isnan(ratings)).sum(axis=1) > 1).sum())
    if shared == 0:
        return NOTHING_SHARED(n=int(c))
    return ONE_SHARED if shared == 1 else None


def bootstrapped(
    statistic: Statistic,
    ratings: Float[np.ndarray, "c r"],
    strata: Int[np.ndarray, " c"],
    resampling: Resampling,
    reason: Caveat | None,
    statistics: int,
    *,
    skewed: bool = False,
) -> list[Result]:
    """Return the statistics over all readers, or nan for one reason; see `Resampling`."""
    c, r = ratings.shape
    if reason:
        return [resampling.undefined(reason, r, c)] * statistics
    return resampling.bootstrapped(
        statistic,
        cases=c,
        readers=r,
        over=over_drawn(r),
        compares_readers=True,
        strata=strata,
        skewed=skewed,
    )
