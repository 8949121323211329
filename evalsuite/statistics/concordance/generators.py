"""Whether an automatic metric ranks the generators as the readers do."""

from collections.abc import Iterator
from math import factorial

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from evalsuite.statistics.agreement.rows import FEWEST_READERS_TO_DRAW
from evalsuite.statistics.concordance.rank_correlation import (
    COEFFICIENTS,
    ENUMERATED,
    REFERENCES,
    SHUFFLES,
    orders,
    rank_correlations_of_rows,
)
from evalsuite.statistics.concordance.scored import read_scores
from evalsuite.statistics.multiplicity import RANKING, holm
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import NO_TRUTH, rated_by_question
from evalsuite.statistics.ratings.averages import cautions
from evalsuite.statistics.ratings.crossed import NAN
from evalsuite.statistics.resample import Draws, Over, bootstrap

COLUMNS = [
    "question", "metric", "extractor", "coefficient", "estimate", "low", "high", "level", "p",
    "p_holm", "family", "n_generators", "n_readers", "n_cases", "random", "method", "reference", "warnings",
]  # fmt: skip
FEWEST_GENERATORS = 3


def generator_concordance(
    table: pd.DataFrame,
    estimates: pd.DataFrame,
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return whether each metric ranks the generators as the readers do.

    Rank correlation, over the synthetic cohorts, of the metric with the mean rating (the mean
    over readers of their means). 1 is the readers' order. `p` is two-sided over all orders of the
    generators, which are equally likely if the metric says nothing (exact up to seven generators,
    by 9,999 random orders beyond). The percentile interval draws cases and readers anew and keeps
    the metric's values, whose own uncertainty it does not hold.

    Args:
        table: the long table of one study, with the truth.
        estimates: one row per cohort and metric: `cohort`, `metric`, `value`; if there,
            `extractor` and `direction`.
        level, replicates, seed: as for `concordance`.

    Returns:
        One row per question, metric and coefficient; `p_holm` corrects `p` over the rows of one
        coefficient by Holm's method.

    Raises:
        EvalsuiteError: as `concordance`.
    """
    metrics = read_scores(estimates, "cohort")
    rows: list[dict[str, object]] = []
    for rated in rated_by_question(table):
        for metric in metrics:
            synthetic = rated.cohorts("synthetic")
            known = np.isfinite(metric.by_name.reindex(synthetic).to_numpy(float))
            cohorts = [name for name, own in zip(synthetic, known, strict=True) if own]
            without = left_out("the metric has no value of them", ~known, synthetic)
            matrices = [rated.scores[name] for name in cohorts]
            about = metric.about | {
                "question": rated.question, "level": level, "n_generators": len(cohorts),
                "family": RANKING,
            }  # fmt: skip
            x = metric.by_name.reindex(cohorts).to_numpy(float)
            for row in _of_generators(x, matrices, rated.readers, level, replicates, seed):
                notes = (
                    NO_TRUTH if NO_TRUTH in rated.warnings else row["warnings"],
                    *without, metric.warning,
                )  # fmt: skip
                rows.append(about | row | {"warnings": " ".join(str(n) for n in notes if n)})
    return holm(pd.DataFrame(rows, columns=COLUMNS), ["coefficient"])


def _of_generators(
    x: Float[np.ndarray, " g"],
    matrices: list[Float[np.ndarray, "c r"]],
    readers: tuple[str, ...],
    level: float,
    replicates: int,
    seed: int,
) -> Iterator[dict[str, object]]:
    """Yield the rows of both coefficients for one metric."""
    g = len(x)
    every = np.concatenate(matrices) if g else np.empty((0, len(readers)))
    of_all = np.array([~np.isnan(scores).all(axis=0) for scores in matrices], bool)
    complete = np.asarray(of_all.reshape(g, len(readers)).all(axis=0))
    omitted = left_out("they did not answer cases of every generator", ~complete, readers)
    answered = np.asarray((~np.isnan(every[:, complete])).any(axis=1))
    if complete.any():
        omitted += left_out("none of these readers answered them", ~answered, "cases")
    every, r = every[answered][:, complete], int(complete.sum())
    over: Over = "cases and readers" if r >= FEWEST_READERS_TO_DRAW else "cases"
    strata = np.repeat(np.arange(g), [len(m) for m in matrices]).astype(int)[answered]
    tried = f"all {factorial(g)}" if g <= ENUMERATED else f"{SHUFFLES:,} random"
    shared = {
        "n_readers": r,
        "n_cases": len(every),
        "random": over,
        "method": f"percentiles of {replicates:,} bootstrap draws of {over}; "
        f"p over {tried} orders of the generators",
    }
    reason = ""
    if g < FEWEST_GENERATORS:
        reason = f"A ranking needs {FEWEST_GENERATORS} synthetic cohorts with a value, but got {g}."
    elif r == 0:
        reason = "No reader answered cases of every generator."
    if reason:
        for name, reference in zip(COEFFICIENTS, REFERENCES, strict=True):
            yield shared | {
                "coefficient": name, "reference": reference, "estimate": NAN, "low": NAN,
                "high": NAN, "p": NAN, "warnings": reason,
            }  # fmt: skip
        return

    def statistic(draws: Draws) -> Float[np.ndarray, "b 2"]:
        return rank_correlations_of_rows(x, _generator_means(every, strata, g, draws))

    found = bootstrap(
        statistic, cases=len(every), readers=r, over=over, strata=strata,
        replicates=replicates, level=level, seed=seed,
    )  # fmt: skip
    ratings = _generator_means(every, strata, g, Draws.once(len(every), r))[0]
    at_chance = rank_correlations_of_rows(x, ratings[orders(g, seed)])
    for i, (name, reference) in enumerate(zip(COEFFICIENTS, REFERENCES, strict=True)):
        value = float(found.value[i])
        notes = (*omitted, *cautions([every]))
        p = float((np.abs(at_chance[:, i]) >= abs(value) - 1e-9).mean())
        if np.isnan(value):
            notes, p = ("All generators have the same value or the same mean rating.",), NAN
        elif np.isnan(found.low[i]):
            notes = ("There is no interval: undefined in most resamples.", *notes)
        elif g <= 4:
            least = 2 / factorial(g)
            notes = (
                f"With {g} generators p cannot be below {least:.2g}, however well they agree.",
                *notes,
            )
        yield shared | {
            "coefficient": name, "reference": reference, "estimate": value,
            "low": float(found.low[i]), "high": float(found.high[i]), "p": p,
            "warnings": " ".join(notes),
        }  # fmt: skip


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
            own = (draws.cases[:, rows] @ filled[rows]) / (draws.cases[:, rows] @ present[rows])
        usable = np.where(np.isnan(own), 0.0, draws.readers)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append((np.nan_to_num(own) * usable).sum(axis=1) / usable.sum(axis=1))
    return np.round(np.stack(means, axis=1), 9)
