"""Whether an automatic metric agrees with the readers, case by case."""

from collections.abc import Iterator
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
    independence,
    mean_ratings,
    rank_correlations,
)
from evalsuite.statistics.concordance.scored import Scored, read_scores
from evalsuite.statistics.concordance.simultaneous import Estimated, together
from evalsuite.statistics.multiplicity import CONCORDANCE
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import Rated, rated_by_question
from evalsuite.statistics.ratings.averages import cautions
from evalsuite.statistics.resample import bootstrap, over_drawn
from evalsuite.statistics.result import NAN, Result, holm

FEWEST_CASES = 5
TOO_FEW = Caveat(
    "too-few-for-concordance",
    f"Concordance needs {FEWEST_CASES} cases with score and answers, but got {{n}}.",
)
NO_INTERVAL = Caveat(
    "no-interval-of-concordance",
    "There is no interval: the coefficient is at the end of its range or undefined in most "
    "resamples.",
)
EQUAL_RATINGS = Caveat(
    "equal-ratings", "The mean ratings of all cases are equal, so no score can agree with them."
)
EQUAL_SCORES = Caveat(
    "equal-scores", "The scores of all cases are equal, so they cannot agree with anything."
)


def concordance(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Result]:
    """Return how each metric's score of a case goes with the readers' mean rating of it.

    Rank correlations, of which 1 says that the metric puts the cases in the readers' order, best
    first, and 0 that it knows nothing of it. Within the synthetic cases, within each of several
    synthetic cohorts, within the real cases, and over all: among all cases a metric that only
    tells real from synthetic agrees with readers who do so too, so the first is the harder test.

    Intervals: Student's t on Fisher's z with a standard error by the bootstrap over cases (within
    cohorts) and readers, where there are three or more, crossed; `resample.bootstrap` says how.
    They are for the mean of as many readers as there are (more readers, less noise, higher
    correlation), and cautious: in simulations of 3 to 10 readers they covered 96 to 99 %. `p` is of the test that score and ratings are
    independent over cases, over orders of the cases (`independence`), which needs nothing of
    readers; it is corrected over the results of the same coefficient and cases. Parts of each result
    hold of all these at once, and say whether it can be told from the highest; see `together`.

    Args:
        table: the long table of one study, with or without the truth.
        scores: one row per case and score: `case`, `metric`, `value`; if there, `extractor` and
            `direction` (`lower is better` turns the score round).
        level: nominal coverage, between 0 and 1.
        replicates: of the bootstrap, for each of cases, readers and both.
        seed: of the bootstrap.

    Returns:
        One per question, metric, group of cases and coefficient.

    Raises:
        EvalsuiteError: as `answers_by_question`; for scores without the columns, or two of one
            case.
    """
    metrics = read_scores(scores, "case")
    estimates: list[Estimated] = []
    for rated in rated_by_question(table):
        for group, cohorts in _groups(rated).items():
            cases = [case for cohort in cohorts for case in rated.cases[cohort]]
            strata = np.repeat(np.arange(len(cohorts)), [len(rated.cases[c]) for c in cohorts])
            none = np.empty((0, len(rated.readers)))
            ratings = np.concatenate([none, *(rated.scores[c] for c in cohorts)])
            for batch, known in _alike(metrics, cases):
                x = np.stack([metric.by_name.reindex(cases).to_numpy(float) for metric in batch])
                scored = np.isin(np.arange(len(cases)), known)
                unscored = left_out("the metric has no score of them", ~scored, "cases")
                correlations = _correlations(
                    x[:, known],
                    ratings[known],
                    strata[known],
                    rated.readers,
                    level,
                    replicates,
                    seed,
                )
                estimates += [
                    replace(
                        one,
                        result=replace(
                            one.result,
                            where={"question": rated.question, **metric.where, "cases": group},
                            warnings=(
                                *one.result.warnings, *unscored, *metric.warnings,
                                *rated.warnings,
                            ),
                        ),
                    )
                    for metric, of_metric in zip(batch, correlations, strict=True)
                    for one in of_metric
                ]  # fmt: skip
    return holm(_simultaneous(estimates, level), _family)


def _family(result: Result) -> tuple[str, str]:
    return result.quantity, result.at("cases")


def _simultaneous(estimates: list[Estimated], level: float) -> list[Result]:
    """Return the results in their order, each with what holds of all of its family at once."""
    results = [one.result for one in estimates]
    for family in dict.fromkeys(map(_family, results)):
        places = [i for i, result in enumerate(results) if _family(result) == family]
        held = together([estimates[i] for i in places], level)
        for i, result in zip(places, held, strict=True):
            results[i] = result
    return results


def _correlations(
    x: Float[np.ndarray, "m n"],
    ratings: Float[np.ndarray, "n r"],
    strata: Int[np.ndarray, " n"],
    readers: tuple[str, ...],
    level: float,
    replicates: int,
    seed: int,
) -> Iterator[list[Estimated]]:
    """Yield both coefficients for each score."""
    answered = ~np.isnan(ratings).all(axis=1)
    x, ratings, strata = x[:, answered], ratings[answered], strata[answered]
    silent = np.isnan(ratings).all(axis=0)
    ratings = ratings[:, ~silent]
    omitted = left_out("nobody answered them", ~answered, "cases")
    omitted += (
        left_out("they answered none of these cases", silent, readers) if answered.any() else ()
    )
    n, r = ratings.shape
    over = over_drawn(r)
    method = f"Fisher z, Student t, standard error of {replicates:,} bootstrap draws of {over}"
    tried = f"all {factorial(n):,}" if n <= ENUMERATED else f"{SHUFFLES:,} random"
    method += f"; p over {tried} orders of the cases"
    method += "" if over != "cases" else "; speaks of these readers only"
    about = Result(
        value=NAN,
        level=level,
        family=CONCORDANCE,
        counts={"readers": r, "cases": n},
        random=over,
        method=method,
    )
    named = list(zip(COEFFICIENTS, REFERENCES, strict=True))
    y = mean_ratings(ratings, np.ones((1, r)))[0] if n and r else np.empty(0)
    reason: tuple[Caveat, ...] = ()
    if n < FEWEST_CASES:
        reason = (TOO_FEW(n=n),)
    elif np.ptp(y) == 0:
        reason = (EQUAL_RATINGS,)
    if reason:
        for _ in x:
            yield [
                Estimated(
                    replace(about, quantity=name, reference=reference, warnings=reason),
                    np.empty(0), NAN, NAN,
                )
                for name, reference in named
            ]  # fmt: skip
        return
    resampled = bootstrap(
        rank_correlations(x, ratings),
        cases=n,
        readers=r,
        over=over,
        interval="fisher t",
        # A panel in which a reader occurs twice is noisier, which widens the spread over readers
        # as leaving out self-pairs does.
        compares_readers=True,
        strata=np.unique(strata, return_inverse=True)[1],
        replicates=replicates,
        level=level,
        seed=seed,
    )
    chance = independence(x, y, seed)
    notes = (*omitted, *cautions([ratings]))
    for k in range(len(x)):
        results = []
        for i, (name, reference) in enumerate(named):
            at = k + i * len(x)
            value, low = float(resampled.value[at]), float(resampled.low[at])
            warnings = notes
            if np.isnan(value):
                warnings = (EQUAL_SCORES,)
            elif np.isnan(low):
                warnings = (NO_INTERVAL, *notes)
            result = replace(
                about,
                quantity=name,
                value=value,
                low=low,
                high=float(resampled.high[at]),
                p=NAN if np.isnan(value) else float(chance[k, i]),
                reference=reference,
                warnings=warnings,
            )
            error, df = float(resampled.standard_error[at]), float(resampled.freedom[at])
            results.append(Estimated(result, resampled.replicates[:, at], error, df))
        yield results


def _groups(rated: Rated) -> dict[str, list[str]]:
    """Return the groups of cases in which a metric is tried, and their cohorts."""
    real, synthetic = rated.cohorts("real"), rated.cohorts("synthetic")
    groups = {"synthetic": synthetic} if synthetic else {}
    groups |= {name: [name] for name in synthetic if len(synthetic) > 1}
    groups |= {"real": real} if real else {}
    if not groups or (len(rated.scores) > 1 and real):
        groups["all"] = [*rated.scores]
    return groups


def _alike(
    metrics: list[Scored], cases: list[str]
) -> Iterator[tuple[list[Scored], Int[np.ndarray, " k"]]]:
    """Yield the metrics that know the same cases together, and which cases these are."""
    batches: dict[bytes, list[Scored]] = {}
    for metric in metrics:
        known = np.isfinite(metric.by_name.reindex(cases).to_numpy(float))
        batches.setdefault(known.tobytes(), []).append(metric)
    for mask, batch in batches.items():
        yield batch, np.flatnonzero(np.frombuffer(mask, dtype=bool))
