"""Whether an automatic metric ranks the generators as the readers do."""

from dataclasses import replace
from math import factorial

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.concordance.rank_correlation import (
    COEFFICIENTS,
    ENUMERATED,
    REFERENCES,
    SHUFFLES,
    orders,
    rank_correlations_of_rows,
)
from evalsuite.statistics.concordance.scored import read_scores
from evalsuite.statistics.multiplicity import RANKING
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import NO_TRUTH, rated_by_question
from evalsuite.statistics.ratings.averages import cautions
from evalsuite.statistics.resample import Draws, bootstrap, over_drawn
from evalsuite.statistics.result import NAN, Result, holm

FEWEST_GENERATORS = 3
TOO_FEW = Caveat(
    "too-few-to-rank",
    f"A ranking needs {FEWEST_GENERATORS} synthetic cohorts with a value, but got {{g}}.",
)
COARSE_P = Caveat(
    "coarse-p-of-ranking",
    "With {g} generators p cannot be below {least:.2g}, however well they agree.",
)
NO_READER = Caveat("no-reader-of-all-generators", "No reader answered cases of every generator.")
EQUAL = Caveat("equal-generators", "All generators have the same value or the same mean rating.")
NO_INTERVAL = Caveat("no-interval-of-ranking", "There is no interval: undefined in most resamples.")


def generator_concordance(
    table: pd.DataFrame,
    estimates: pd.DataFrame,
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Result]:
    """Return whether each metric ranks the generators as the readers do.

    Rank correlation, over the synthetic cohorts, of the metric with the mean rating (the mean
    over readers of their means). 1 is the readers' order. `p` is two-sided over all orders of the
    generators, which are equally likely if the metric says nothing (exact up to eight generators,
    by 9,999 random orders beyond). The percentile interval draws cases and readers anew and keeps
    the metric's values, whose own uncertainty it does not hold.

    Args:
        table: the long table of one study, with the truth.
        estimates: one row per cohort and metric: `cohort`, `metric`, `value`; if there,
            `extractor` and `direction`.
        level, replicates, seed: as for `concordance`.

    Returns:
        One per question, metric and coefficient; p-values are corrected over those of one
        coefficient.

    Raises:
        EvalsuiteError: as `concordance`.
    """
    metrics = read_scores(estimates, "cohort")
    results = []
    for rated in rated_by_question(table):
        for metric in metrics:
            synthetic = rated.cohorts("synthetic")
            known = np.isfinite(metric.by_name.reindex(synthetic).to_numpy(float))
            cohorts = [name for name, valued in zip(synthetic, known, strict=True) if valued]
            without = left_out("the metric has no value of them", ~known, synthetic)
            matrices = [rated.scores[name] for name in cohorts]
            x = metric.by_name.reindex(cohorts).to_numpy(float)
            for result in _of_generators(x, matrices, rated.readers, level, replicates, seed):
                notes = (NO_TRUTH,) if NO_TRUTH in rated.warnings else result.warnings
                place = {"question": rated.question, **metric.where}
                warnings = (*notes, *without, *metric.warnings)
                results.append(replace(result, where=place, warnings=warnings))
    return holm(results, lambda result: result.quantity)


def _of_generators(
    x: Float[np.ndarray, " g"],
    matrices: list[Float[np.ndarray, "c r"]],
    readers: tuple[str, ...],
    level: float,
    replicates: int,
    seed: int,
) -> list[Result]:
    """Return both coefficients for one metric."""
    g = len(x)
    every = np.concatenate(matrices) if g else np.empty((0, len(readers)))
    of_all = np.array([~np.isnan(scores).all(axis=0) for scores in matrices], bool)
    complete = np.asarray(of_all.reshape(g, len(readers)).all(axis=0))
    omitted = left_out("they did not answer cases of every generator", ~complete, readers)
    answered = np.asarray((~np.isnan(every[:, complete])).any(axis=1))
    if complete.any():
        omitted += left_out("none of these readers answered them", ~answered, "cases")
    every, r = every[answered][:, complete], int(complete.sum())
    over = over_drawn(r)
    strata = np.repeat(np.arange(g), [len(m) for m in matrices]).astype(int)[answered]
    tried = f"all {factorial(g)}" if g <= ENUMERATED else f"{SHUFFLES:,} random"
    about = [
        Result(
            quantity=name,
            value=NAN,
            level=level,
            family=RANKING,
            counts={"generators": g, "readers": r, "cases": len(every)},
            random=over,
            method=f"percentiles of {replicates:,} bootstrap draws of {over}; "
            f"p over {tried} orders of the generators",
            reference=reference,
        )
        for name, reference in zip(COEFFICIENTS, REFERENCES, strict=True)
    ]
    if g < FEWEST_GENERATORS:
        return [replace(result, warnings=(TOO_FEW(g=g),)) for result in about]
    if r == 0:
        return [replace(result, warnings=(NO_READER,)) for result in about]

    def statistic(draws: Draws) -> Float[np.ndarray, "b 2"]:
        return rank_correlations_of_rows(x, _generator_means(every, strata, g, draws))

    resampled = bootstrap(
        statistic, cases=len(every), readers=r, over=over, strata=strata,
        replicates=replicates, level=level, seed=seed,
    )  # fmt: skip
    ratings = _generator_means(every, strata, g, Draws.once(len(every), r))[0]
    at_chance = rank_correlations_of_rows(x, ratings[orders(g, seed)])
    results = []
    for i, result in enumerate(about):
        value, low = float(resampled.value[i]), float(resampled.low[i])
        notes = (*omitted, *cautions([every]))
        p = float((np.abs(at_chance[:, i]) >= abs(value) - 1e-9).mean())
        if np.isnan(value):
            notes, p = (EQUAL,), NAN
        elif np.isnan(low):
            notes = (NO_INTERVAL, *notes)
        elif g <= 4:
            notes = (COARSE_P(g=g, least=2 / factorial(g)), *notes)
        high = float(resampled.high[i])
        results.append(replace(result, value=value, low=low, high=high, p=p, warnings=notes))
    return results


def _generator_means(
    ratings: Float[np.ndarray, "n r"], strata: Int[np.ndarray, " n"], g: int, draws: Draws
) -> Float[np.ndarray, "b g"]:
    """Return the mean over the drawn readers of their means of the drawn cases of each generator."""
    given = ~np.isnan(ratings)
    filled, present = np.where(given, ratings, 0.0), given.astype(float)
    means = []
    for k in range(g):
        rows = strata == k
        with np.errstate(invalid="ignore", divide="ignore"):
            of_readers = (draws.cases[:, rows] @ filled[rows]) / (
                draws.cases[:, rows] @ present[rows]
            )
        usable = np.where(np.isnan(of_readers), 0.0, draws.readers)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append((np.nan_to_num(of_readers) * usable).sum(axis=1) / usable.sum(axis=1))
    return np.round(np.stack(means, axis=1), 9)
