"""How well readers agree with themselves: what the hidden repeats tell."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import chdtri
from scipy.stats import binomtest

from evalsuite.records import Caveat
from evalsuite.statistics.agreement.kappa import column_kappas
from evalsuite.statistics.agreement.rows import (
    Resampling,
    has_quadratic_kappa,
    kappa_name,
    named,
    transformed,
)
from evalsuite.statistics.answers import Answers, answers_by_question
from evalsuite.statistics.cautions import FOR_THESE, few_cases
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.area import exact_share
from evalsuite.statistics.resample import FEWEST_READERS_TO_DRAW, Draws
from evalsuite.statistics.result import ALL, NAN, Result

NORMAL = 1.96  # standard deviations on either side hold 95 %
SAME_REPEATS = Caveat("same-repeats", "There is no interval: all repeats got the same answer.")


def agreement_within_readers(
    table: pd.DataFrame,
    *,
    points: Mapping[str, int] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Result]:
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
        One per question, quantity and reader; none for questions that nobody was asked twice.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Wilson, Journal of the American Statistical Association 22 (1927). Bland and Altman,
        Statistical Methods in Medical Research 8 (1999), section 3 (repeatability).
    """
    resampling = Resampling(replicates, level, seed)
    asked = answers_by_question(table, points)
    return [result for answers in asked for result in _results(answers, resampling)]


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


def _results(answers: Answers, resampling: Resampling) -> Iterator[Result]:
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
    largest = NORMAL * (answers.ends[1] - answers.ends[0])
    for column, reader in enumerate(readers):
        given = ~np.isnan(first[:, column])
        pair = first[given, column], second[given, column]
        result = (
            _repeatability(*pair, resampling.level, largest)
            if answers.scale == "interval"
            else _exact_agreement(*pair, resampling.level)
        )
        yield replace(result, where={"question": answers.question, "reader": reader})
    ordered = has_quadratic_kappa(answers)
    kappas = resampling.kappas(first, second, readers=1) if ordered else []
    name, reference = kappa_name(answers.scale)
    for reader, kappa in zip(readers if ordered else (), kappas, strict=True):
        yield named(
            kappa,
            name,
            answers.question,
            reader,
            answers=2 * kappa.counts["cases"],
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
        drawn = column_kappas(first, second, draws.cases)
        weights = weights * np.isfinite(drawn)
        means = (weights * np.nan_to_num(drawn)).sum(axis=1) / weights.sum(axis=1)
        # Fisher's z of 2 p - 1 is half the log odds of p, which keeps the interval in [0, 1].
        return np.column_stack([2 * shares - 1, means])

    with np.errstate(invalid="ignore", divide="ignore"):
        share, mean = resampling.bootstrapped(
            over_readers,
            cases=int(cases.sum()),
            readers=len(readers),
            over="readers" if len(readers) >= FEWEST_READERS_TO_DRAW else "cases",
            compares_readers=False,
            strata=answers.strata[cases],
        )
    n_answers = int(2 * paired.sum())
    if answers.scale != "interval":
        shown = transformed(share, lambda value: (value + 1) / 2)
        if shown.value in (0, 1):
            shown = _same_of_all(shown, int(paired.sum(axis=0).min()))
        yield named(
            shown,
            "exact agreement",
            answers.question,
            ALL,
            answers=n_answers,
            method="share of repeats with the same answer, all readers",
            reference="",
            warnings=notes,
        )
    if not ordered:
        return
    without = np.array([not kappa.defined for kappa in kappas])
    if not without.all():
        used = paired[:, ~without]
        counts = {"readers": used.shape[1], "cases": int(used.any(axis=1).sum())}
        mean, n_answers = replace(mean, counts=counts), int(2 * used.sum())
        notes += left_out("they have no kappa", without, readers)
    yield named(
        mean,
        name,
        answers.question,
        ALL,
        answers=n_answers,
        method="first against repeated answers, mean over readers",
        reference=reference,
        warnings=notes,
    )


def _same_of_all(share: Result, n: int) -> Result:
    """Return a share of 0 or 1 with the exact interval for n repeats of one reader.

    If the mean share of these readers were lower, one of them would repeat all answers more
    rarely than that; of other readers it says nothing.
    """
    _, low, high, _ = exact_share(round(share.value) * n, n, share.level)
    return replace(
        share,
        low=low,
        high=high,
        interval="Clopper-Pearson",
        random="cases",
        method=f"exact interval of {n} repeats",
        warnings=(FOR_THESE, *few_cases(share.counts["cases"])),
    )


def _exact_agreement(
    first: Float[np.ndarray, " c"], second: Float[np.ndarray, " c"], level: float
) -> Result:
    n = len(first)
    same = binomtest(int((first == second).sum()), n)
    ends = same.proportion_ci(level, method="wilson")
    return Result(
        quantity="exact agreement",
        value=float(same.statistic),
        low=float(ends.low),
        high=float(ends.high),
        level=level,
        interval="Wilson",
        method="share of repeats with the same answer; Wilson interval",
        counts={"readers": 1, "cases": n, "answers": 2 * n},
        random="cases",
        warnings=few_cases(n),
    )


def _repeatability(
    first: Float[np.ndarray, " c"], second: Float[np.ndarray, " c"], level: float, largest: float
) -> Result:
    """Return the coefficient of a reader; `largest` is that of opposite ends of the scale."""
    n = len(first)
    value = repeatability_coefficient(first, second)
    low, high = (
        float(value * np.sqrt(n / chdtri(n, tail))) for tail in ((1 - level) / 2, (1 + level) / 2)
    )
    notes = few_cases(n)
    if value == 0:
        low, high = NAN, NAN
        notes = (SAME_REPEATS, *notes)
    return Result(
        quantity="repeatability coefficient",
        value=value,
        low=low,
        high=min(high, largest),
        level=level,
        interval="chi-square",
        method="in points of the scale, lower is better; chi-square interval of normal differences",
        reference="Bland and Altman 1999",
        counts={"readers": 1, "cases": n, "answers": 2 * n},
        random="cases",
        warnings=notes,
    )
