"""How well readers agree with themselves: what the hidden repeats tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import chdtri
from scipy.stats import binomtest

from evalsuite.statistics.agreement.kappa import column_kappas
from evalsuite.statistics.agreement.rows import (
    FEWEST_READERS_TO_DRAW,
    Agreement,
    Measured,
    Resampling,
    few_cases,
    has_quadratic_kappa,
    kappa_name,
    tabulated,
)
from evalsuite.statistics.answers import Answers, answers_by_question
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.area import exact_share
from evalsuite.statistics.resample import Draws

NORMAL = 1.96  # standard deviations on either side hold 95 %


def agreement_within_readers(
    table: pd.DataFrame,
    *,
    points: Mapping[str, int] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how well first and repeated answers agree, per reader and over all readers.

    Exact agreement is the share of repeats with the same answer (Wilson interval per reader);
    quadratic weighted kappa sets the disagreement against that of answers paired at random
    (delta method per reader). Interval scales have the repeatability coefficient instead of exact
    agreement, in points of the scale: two answers of one reader to one case differ by less in
    95 % (chi-square interval; ratings taken as normal, without a shift from first to second).
    Over all readers: the share of all repeats, and the mean kappa of the readers who have one,
    with bootstrap intervals that draw readers with all their repeats where there are three or
    more, else cases.

    Args:
        table: the long table of one study.
        points: by question, how many options it offers.
        level: nominal coverage, between 0 and 1.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Rows with the fields of `Agreement`; none for questions that nobody was asked twice.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Wilson, Journal of the American Statistical Association 22 (1927). Bland and Altman,
        Statistical Methods in Medical Research 8 (1999), section 3 (repeatability).
    """
    resampling = Resampling(replicates, level, seed)
    rows: list[Agreement] = []
    for answers in answers_by_question(table, points):
        rows += _rows(answers, resampling)
    return tabulated(rows)


def repeatability_coefficient(
    first: Float[np.ndarray, " c"], second: Float[np.ndarray, " c"]
) -> float:
    """Return 1.96 times the root mean square difference of two answers, in their unit.

    Lower is better. nan where no case has both answers.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    if not both.any():
        return float("nan")
    return float(NORMAL * np.sqrt(((first[both] - second[both]) ** 2).mean()))


def _rows(answers: Answers, resampling: Resampling) -> Iterator[Agreement]:
    both = ~np.isnan(answers.first) & ~np.isnan(answers.second)
    asked, cases = both.any(axis=0), both.any(axis=1)
    if not asked.any():
        return
    notes = left_out("they answered no case twice", ~asked, answers.readers)
    lost = (answers.repeated & ~both)[answers.repeated]
    notes += left_out("one of the two answers is missing", lost, "repeats")
    first, second = (
        np.where(both, showing, np.nan)[cases][:, asked]
        for showing in (answers.first, answers.second)
    )
    readers = [name for name, was in zip(answers.readers, asked, strict=True) if was]
    if answers.scale == "interval":
        span = answers.ends[1] - answers.ends[0]
        yield from _repeatabilities(
            answers.question, readers, first, second, resampling.level, NORMAL * span
        )
    else:
        yield from _exact_agreements(answers.question, readers, first, second, resampling.level)
    ordered = has_quadratic_kappa(answers)
    kappas = resampling.kappas(first, second, n_readers=1) if ordered else []
    name, reference = kappa_name(answers.scale)
    for reader, kappa in zip(readers if ordered else (), kappas, strict=True):
        yield kappa.row(
            answers.question,
            name,
            reader,
            n_answers=2 * kappa.n_cases,
            method="first against repeated answers",
            reference=reference,
        )
    if len(readers) < 2:
        return
    exact = (first == second).astype(float)
    paired = (~np.isnan(first)).astype(float)

    def over_readers(draws: Draws) -> Float[np.ndarray, "b 2"]:
        weights = draws.readers
        shares = (draws.cases @ exact * weights).sum(axis=1)
        shares /= (draws.cases @ paired * weights).sum(axis=1)
        own = column_kappas(first, second, draws.cases)
        weights = weights * np.isfinite(own)
        means = (weights * np.nan_to_num(own)).sum(axis=1) / weights.sum(axis=1)
        # Fisher's z of 2 p - 1 is half the log odds of p, which keeps the interval in [0, 1].
        return np.column_stack([2 * shares - 1, means])

    with np.errstate(invalid="ignore", divide="ignore"):
        share, mean = resampling.measured(
            over_readers,
            cases=int(cases.sum()),
            readers=len(readers),
            over="readers" if len(readers) >= FEWEST_READERS_TO_DRAW else "cases",
            compares_readers=False,
            strata=answers.strata[cases],
        )
    n_answers = int(2 * paired.sum())
    if answers.scale != "interval":
        shown = share.transformed(lambda value: (value + 1) / 2)
        if shown.value in (0, 1):
            shown = _same_of_all(shown, int(paired.sum(axis=0).min()))
        yield shown.row(
            answers.question,
            "exact agreement",
            "all",
            n_answers=n_answers,
            method="share of repeats with the same answer, all readers",
            reference="",
            warnings=notes,
        )
    if not ordered:
        return
    without = np.array([np.isnan(kappa.value) for kappa in kappas])
    if not without.all():
        used = paired[:, ~without]
        n_readers, n_cases = used.shape[1], int(used.any(axis=1).sum())
        mean, n_answers = replace(mean, n_readers=n_readers, n_cases=n_cases), int(2 * used.sum())
        notes += left_out("they have no kappa", without, readers)
    yield mean.row(
        answers.question,
        name,
        "all",
        n_answers=n_answers,
        method="first against repeated answers, mean over readers",
        reference=reference,
        warnings=notes,
    )


def _same_of_all(share: Measured, n: int) -> Measured:
    """Return a share of 0 or 1 with the exact interval for n repeats of one reader.

    If the mean share of these readers were lower, one of them would repeat all answers more
    rarely than that; of other readers it says nothing.
    """
    _, low, high, _ = exact_share(round(share.value) * n, n, share.level)
    note = "The interval is the exact one for these readers alone, and conservative."
    return replace(
        share, low=low, high=high, interval="Clopper-Pearson", random="cases",
        method=f"exact interval of {n} repeats", warnings=(note, *few_cases(share.n_cases)),
    )  # fmt: skip


def _exact_agreements(
    question: str,
    readers: Sequence[str],
    first: Float[np.ndarray, "c r"],
    second: Float[np.ndarray, "c r"],
    level: float,
) -> Iterator[Agreement]:
    for column, reader in enumerate(readers):
        n = int((~np.isnan(first[:, column])).sum())
        same = binomtest(int((first[:, column] == second[:, column]).sum()), n)
        ends = same.proportion_ci(level, method="wilson")
        yield Measured(
            same.statistic, ends.low, ends.high, level, float("nan"), "Wilson", "Wilson interval",
            1, n, "cases", few_cases(n),
        ).row(
            question,
            "exact agreement",
            reader,
            n_answers=2 * n,
            method="share of repeats with the same answer",
            reference="",
        )  # fmt: skip


def _repeatabilities(
    question: str,
    readers: Sequence[str],
    first: Float[np.ndarray, "c r"],
    second: Float[np.ndarray, "c r"],
    level: float,
    largest: float,
) -> Iterator[Agreement]:
    """Yield the coefficient of each reader; `largest` is that of opposite ends of the scale."""
    for column, reader in enumerate(readers):
        n = int((~np.isnan(first[:, column])).sum())
        value = repeatability_coefficient(first[:, column], second[:, column])
        low, high = (
            float(value * np.sqrt(n / chdtri(n, tail)))
            for tail in ((1 - level) / 2, (1 + level) / 2)
        )
        notes = few_cases(n)
        if value == 0:
            low, high = np.nan, np.nan
            notes = ("There is no interval: all repeats got the same answer.", *notes)
        yield Measured(
            value, low, min(high, largest), level, float("nan"), "chi-square",
            "chi-square interval of normal differences", 1, n, "cases", notes,
        ).row(
            question,
            "repeatability coefficient",
            reader,
            n_answers=2 * n,
            method="in points of the scale, lower is better",
            reference="Bland and Altman 1999",
        )  # fmt: skip
