"""How often the intervals of a reader study hold the truth, and how often its tests cry wolf.

    python benchmarks/coverage.py [--studies 1000]

Simulated studies with known truth: readers rate real and synthetic cases, every reader all cases,

    rating = mean of the cohort + reader + reader x cohort + case + reader x case,

all effects normal, rounded to four options for the ratings and left continuous for the course.
The components are those of `evalsuite.study.protocol.power` (a hard study), and two others: readers who
differ much in what they make of a cohort, and cases that differ much. The small designs, 2 to 6
readers with 12 to 20 cases, were not looked at when the methods were chosen. In forced choices
each real case is paired with a synthetic one; in the split-plot design one half of the readers reads
one half of the cases. The table says, for each number of readers and cases
per cohort, the share of 95 % intervals that hold the truth, and of tests at 5 % that reject a true
hypothesis, one by one and in a study of five synthetic cohorts as good as the real one, where any
of them is told from it. The Monte Carlo error is 0.7 % for 1,000 studies.
Each row is written to benchmarks/results/coverage.json as it is found, and a run that was stopped
goes on from there; to measure changed methods, delete that file first.
"""

import argparse
import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import logit, ndtr
from scipy.stats import spearmanr

from evalsuite.statistics.agreement.kappa import (
    gwet_acs,
    mean_quadratic_kappas,
    quadratic_weights,
)
from evalsuite.statistics.concordance.rank_correlation import (
    independence,
    mean_ratings,
    rank_correlations,
)
from evalsuite.statistics.jackknife import jackknife
from evalsuite.statistics.multiplicity import holm_adjusted
from evalsuite.statistics.ratings.averages import mean_rating, median_rating, share_of
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio, superiority
from evalsuite.statistics.ratings.course import slope
from evalsuite.statistics.ratings.crossed import Crossed
from evalsuite.statistics.resample import Draws, bootstrap
from evalsuite.statistics.result import Result
from evalsuite.statistics.roc.choice import Choices, choice_merits
from evalsuite.statistics.roc.guessing import guessing
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import Readings

RESULTS = Path(__file__).parent / "results" / "coverage.json"
LEVEL = 0.95
POINTS = 4
OPTIONS = np.arange(1.0, POINTS + 1)
REAL, SYNTHETIC = 2.9, 2.3  # means before rounding where the cohorts differ
DESIGNS = [(2, 12), (2, 20), (3, 16), (4, 12), (6, 20), (2, 40), (3, 40), (5, 40), (10, 100)]
# Variances of reader, reader x cohort, case, reader x case; see `evalsuite.study.protocol.power`.
COMPONENTS = {
    "typical": (0.11, 0.035, 0.15, 0.44),
    "readers differ": (0.2, 0.2, 0.15, 0.4),
    "cases differ": (0.05, 0.02, 0.5, 0.2),
}
REPLICATES = 200  # of each bootstrap
AGREEMENT = {
    "AC2": lambda ratings, draws: gwet_acs(ratings, draws, OPTIONS, quadratic_weights(OPTIONS)),
    "mean kappa": mean_quadratic_kappas,
}
DRIFT = 0.02  # points per presentation
LOADING = 0.5  # of the score on the case's effect


class Study:
    """One simulated study.

    Args:
        x, y: ratings of real and synthetic cases, cases x readers, before rounding.
        case: the effect of each real case, on which a metric's score depends.
    """

    def __init__(self, rng, readers, cases, components, means) -> None:
        deviations = np.sqrt(components)
        reader = deviations[0] * rng.standard_normal(readers)
        self.case = deviations[2] * rng.standard_normal(cases)
        effects = [self.case, deviations[2] * rng.standard_normal(cases)]
        self.x, self.y = (
            mean
            + reader
            + deviations[1] * rng.standard_normal(readers)
            + effect[:, None]
            + deviations[3] * rng.standard_normal((cases, readers))
            for mean, effect in zip(means, effects, strict=True)
        )


def rounded(ratings: np.ndarray) -> np.ndarray:
    return np.rint(ratings).clip(1, POINTS)


def shares(mean: float, components, given_reader=None) -> np.ndarray:
    """Return the probability of each option, of a random reader or of those with given effects."""
    thresholds = np.arange(1, POINTS) + 0.5
    variance = sum(components) if given_reader is None else sum(components[1:])
    centre = mean + (0 if given_reader is None else given_reader[:, None])
    below = ndtr((thresholds - centre) / np.sqrt(variance))
    below = np.atleast_2d(below)
    return np.diff(np.pad(below, ((0, 0), (1, 1)), constant_values=(0, 1)), axis=1)


def true_superiority(components, means) -> float:
    """Return P(x > y) + P(x = y) / 2 within a random reader, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    reader = nodes * np.sqrt(components[0])
    x, y = (shares(mean, components, reader) for mean in means)
    kernel = (1 + np.sign(np.subtract.outer(np.arange(POINTS), np.arange(POINTS)))) / 2
    return float(np.einsum("k,ki,kj,ij->", weights / weights.sum(), x, y, kernel))


@cache
def by_size(components, means, quantity) -> float:
    """Return the truth of a quantity without closed form: its mean over very large studies."""
    found = []
    for k in range(8):
        study = Study(np.random.default_rng([7, k]), 40, 400, components, means)
        found.append(quantity(rounded(study.x), rounded(study.y)).value)
    return float(np.mean(found))


def true_concordance(readers, components) -> float:
    """Return the rank correlation in a large population of cases, mean over panels of readers."""
    found = []
    for k in range(60):
        rng = np.random.default_rng([8, k])
        study = Study(rng, readers, 4000, components, (REAL, REAL))
        means = mean_ratings(rounded(study.x), np.ones((1, readers)))[0]
        found.append(spearmanr(score(study.case, rng, components), means).statistic)
    return float(np.mean(found))


@cache
def true_agreement(components, name) -> float:
    """Return a coefficient of agreement in a large population of readers and cases."""
    found = []
    for k in range(6):
        study = Study(np.random.default_rng([10, k]), 40, 400, components, (REAL, REAL))
        found.append(AGREEMENT[name](rounded(study.x), Draws.once(400, 40))[0])
    return float(np.mean(found))


def true_choice(components, means) -> float:
    """Return the probability that a random reader finds the real one of a pair."""
    return float(ndtr((means[0] - means[1]) / np.sqrt(2 * sum(components[1:]))))


def readings_of(x: np.ndarray, y: np.ndarray) -> Readings:
    names = tuple(map(str, range(x.shape[1])))
    return Readings("real", ("synthetic",), names, x.T[None], y.T[None])


def read(x: np.ndarray, y: np.ndarray) -> Result:
    """Return the area under the ROC curve of the readers, with its interval."""
    return obuchowski_rockette(auc_merits(readings_of(x, y))).treatments[0]


def chosen(study: Study) -> Result:
    """Return the share of pairs in which the readers found the real case, with its interval."""
    pairs = np.arange(len(study.x))
    names = tuple(map(str, range(study.x.shape[1])))
    right = (study.x > study.y).T[None].astype(float)
    merits = choice_merits(Choices("", ("synthetic",), names, right, pairs, pairs))
    return obuchowski_rockette(merits).treatments[0]


def score(case: np.ndarray, rng, components) -> np.ndarray:
    noise = np.sqrt(components[2]) * rng.standard_normal(len(case))
    return LOADING * case + np.sqrt(1 - LOADING**2) * noise


def holds(ends, truth: float) -> bool:
    """Count an interval that is not there as one that misses."""
    return bool(ends[0] <= truth <= ends[1])


def rejects(found: Crossed, null: float = 0) -> bool:
    return bool(found.p_value(null) < 1 - LEVEL)


def studies(number, seed, readers, cases, components, means) -> Iterator[Study]:
    for k in range(number):
        rng = np.random.default_rng([seed, readers, cases, k])
        yield Study(rng, readers, cases, components, means)


def coverage(number, readers, cases, components, *, model=True, resampling=True) -> dict:
    """Return the share of intervals that hold the truth, by quantity."""
    means = REAL, SYNTHETIC
    options = np.arange(1, POINTS + 1)
    true_shares = [shares(mean, components)[0] for mean in means]
    mean, other = (float(s @ options) for s in true_shares)
    median = float(options[np.argmax(np.cumsum(true_shares[0]) >= 0.5)])
    choice_truth = true_choice(components, means)
    p_superior = true_superiority(components, means)
    log_odds = by_size(components, means, odds_ratio) if model else np.nan
    rho = true_concordance(readers, components) if resampling else np.nan
    agreements = {name: true_agreement(components, name) for name in AGREEMENT}
    hits: dict[str, list[bool]] = {}
    for k, study in enumerate(studies(number, 1, readers, cases, components, means)):
        x, y = rounded(study.x), rounded(study.y)
        found = {
            "mean": holds(mean_rating(x).interval(LEVEL), mean),
            "share, common": holds(
                share_of(x, x == 3).share_interval(LEVEL, cases), true_shares[0][2]
            ),
            "share, rare": holds(
                share_of(x, x == 1).share_interval(LEVEL, cases), true_shares[0][0]
            ),
            "median": holds(median_rating(x, LEVEL)[1:], median),
            "difference": holds(mean_difference(x, y).interval(LEVEL), mean - other),
            "superiority": holds(superiority(x, y).on_logit().interval(LEVEL), logit(p_superior)),
        }
        if model:
            found["odds ratio"] = holds(odds_ratio(x, y).interval(LEVEL), log_odds)
        area = read(x, y)
        found["AUC"] = holds((area.low, area.high), p_superior)
        halves = np.arange(cases)[:, None] % 2 == np.arange(readers) % 2
        split = read(np.where(halves, x, np.nan), np.where(halves, y, np.nan))
        found["AUC, split-plot"] = holds((split.low, split.high), p_superior)
        if resampling and readers > 2:
            for name, coefficient in AGREEMENT.items():
                agreed = jackknife(
                    lambda draws, of=coefficient, on=x: of(on, draws)[:, None],
                    cases=cases, readers=readers,
                )  # fmt: skip
                found[name] = holds((agreed.low[0], agreed.high[0]), agreements[name])
        choice = chosen(study)
        found["forced choice"] = holds((choice.low, choice.high), choice_truth)
        rng = np.random.default_rng([2, readers, cases, k])
        positions = np.stack([rng.permutation(2 * cases) for _ in range(readers)], axis=1)
        drifting = np.concatenate([study.x, study.y]) + DRIFT * positions
        cohorts = np.repeat([0, 1], cases)
        trend, _ = slope(drifting, positions.astype(float), cohorts)
        found["trend"] = holds(trend.interval(LEVEL), DRIFT)
        if resampling and readers > 2:
            one = score(study.case, rng, components)[None]
            drawn = bootstrap(
                rank_correlations(one, x),
                cases=cases, readers=readers, over="cases and readers", interval="fisher t",
                compares_readers=True, replicates=REPLICATES, seed=k,
            )  # fmt: skip
            found["concordance"] = holds((drawn.low[0], drawn.high[0]), rho)
        for name, hit in found.items():
            hits.setdefault(name, []).append(hit)
    return {name: float(np.mean(values)) for name, values in hits.items()}


def false_alarms(number, readers, cases, components, *, model=True, resampling=True) -> dict:
    """Return how often each test at 5 % rejects where there is no effect (or one of the margin)."""
    hits: dict[str, list[bool]] = {}
    options = np.arange(1, POINTS + 1)
    margin = float((shares(REAL, components)[0] - shares(SYNTHETIC, components)[0]) @ options)
    away = true_superiority(components, (REAL, SYNTHETIC)) - 0.5
    at_margin = studies(number, 4, readers, cases, components, (REAL, SYNTHETIC))
    level = studies(number, 3, readers, cases, components, (REAL, REAL))
    for k, (study, apart) in enumerate(zip(level, at_margin, strict=True)):
        x, y = rounded(study.x), rounded(study.y)
        rng = np.random.default_rng([5, readers, cases, k])
        positions = np.stack([rng.permutation(2 * cases) for _ in range(readers)], axis=1)
        trend, _ = slope(
            np.concatenate([study.x, study.y]), positions.astype(float), np.repeat([0, 1], cases)
        )
        means = mean_ratings(x, np.ones((1, readers)))[0]
        edge = mean_difference(rounded(apart.x), rounded(apart.y))
        found = {
            "difference": rejects(mean_difference(x, y)),
            "superiority": rejects(superiority(x, y).on_logit()),
            "AUC as far as the margin": bool(
                guessing(auc_merits(readings_of(rounded(apart.x), rounded(apart.y))), away)[0].p
                < 1 - LEVEL
            ),
            "non-inferiority": bool(1 - edge.upper_tail(margin) < 1 - LEVEL),
            "trend": rejects(trend),
            "forced choice": bool(chosen(study).p < 1 - LEVEL),
        }
        if model:
            found["odds ratio"] = rejects(odds_ratio(x, y))
        if resampling:
            p = independence(rng.standard_normal((1, cases)), means, k)[0, 0]
            found["concordance"] = bool(p < 1 - LEVEL)
        for name, hit in found.items():
            hits.setdefault(name, []).append(hit)
    return {name: float(np.mean(values)) for name, values in hits.items()}


def family_wise_error(number, readers, cases, components, *, cohorts=5) -> dict:
    """Return how often any of several cohorts, all as good as real, is told from it at 5 %.

    As the report tests it: the area under the ROC curve, and the difference in means, of every
    synthetic cohort against the one real one; each p-value by itself and corrected (Holm).
    """
    hits: dict[str, list[bool]] = {}
    deviations = np.sqrt(components)
    for k in range(number):
        rng = np.random.default_rng([9, readers, cases, k])
        shape = (cohorts + 1, cases, readers)
        ratings = rounded(
            REAL
            + deviations[0] * rng.standard_normal(readers)
            + deviations[1] * rng.standard_normal((cohorts + 1, 1, readers))
            + deviations[2] * rng.standard_normal((cohorts + 1, cases, 1))
            + deviations[3] * rng.standard_normal(shape)
        )
        real, synthetic = ratings[0], ratings[1:]
        negative = np.full((cohorts, readers, cohorts * cases), np.nan)
        for t, own in enumerate(synthetic):
            negative[t, :, t * cases : (t + 1) * cases] = own.T
        names = tuple(f"cohort {t}" for t in range(cohorts))
        readings = Readings(
            "real", names, tuple(f"reader {r}" for r in range(readers)),
            np.repeat(real.T[None], cohorts, axis=0), negative,
        )  # fmt: skip
        areas = obuchowski_rockette(auc_merits(readings)).treatments
        means = np.array([mean_difference(real, own).p_value() for own in synthetic])
        found = {
            "AUC, single p": min(area.p for area in areas),
            "AUC, corrected p": min(area.p_holm for area in areas),
            "difference, single p": means.min(),
            "difference, corrected p": holm_adjusted(means).min(),
        }
        for name, p in found.items():
            hits.setdefault(name, []).append(bool(p < 1 - LEVEL))
    return {name: float(np.mean(values)) for name, values in hits.items()}


def main(number: int) -> None:
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"studies": number, "rows": []}
    if kept["studies"] != number:
        raise SystemExit(
            f"{RESULTS} is of {kept['studies']} studies: delete it, or ask for as many."
        )
    rows = kept["rows"]
    there = [(row["what"], row["components"], row["readers"], row["cases"]) for row in rows]
    for what, measure in (
        ("95 % intervals", coverage),
        ("5 % tests", false_alarms),
        ("any of five cohorts told from real at 5 %", family_wise_error),
    ):
        print(f"\n{what}, {number} studies each, percent")
        for name, components in COMPONENTS.items():
            for readers, cases in DESIGNS:
                if (what, name, readers, cases) in there:
                    continue
                start = time.perf_counter()
                found = measure(number, readers, cases, components)
                rows.append(
                    {"what": what, "components": name, "readers": readers, "cases": cases, **found}
                )
                partial = RESULTS.with_suffix(".partial")
                partial.write_text(json.dumps(kept, indent=2) + "\n")
                partial.replace(RESULTS)
                cells = "  ".join(f"{key} {100 * value:.1f}" for key, value in found.items())
                seconds = time.perf_counter() - start
                print(
                    f"{name:15s} {readers:2d} x {cases:3d}  {cells}  ({seconds:.0f} s)", flush=True
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    main(parser.parse_args().studies)
