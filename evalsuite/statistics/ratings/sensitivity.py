"""Whether the comparison of ratings rests on its model, or on answers that are missing."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import SENSITIVITY
from evalsuite.statistics.rated import Rated, rated_by_question
from evalsuite.statistics.ratings.comparison import DIFFERENCE, NO_ODDS_RATIO, ODDS_RATIO
from evalsuite.statistics.ratings.contrasts import mean_difference
from evalsuite.statistics.ratings.mixed_odds import mixed_odds
from evalsuite.statistics.ratings.pairs import Pair, paired
from evalsuite.statistics.ratings.parallel import parallel_odds
from evalsuite.statistics.result import ALL, Result, holm
from evalsuite.statistics.roc.auc import t_interval

PROPORTIONAL = "proportional odds"
MIXED = "mixed model, readers and cases random"
BRANT = "the odds ratio is the same at every threshold"
LARGEST = "missing: highest to real, lowest to synthetic"
SMALLEST = "missing: lowest to real, highest to synthetic"
READERS_ALIKE = Caveat(
    "readers-see-alike",
    "The mixed model lets readers differ in how high they answer, not in how they see the cohorts.",
)
NO_TEST = Caveat(
    "no-test-of-proportional-odds",
    "There is no test of proportional odds: it needs two thresholds with answers of both cohorts "
    "on both sides.",
)
OF_A_TEST = Caveat("no-interval-of-a-test", "There is no interval of F, which is of a test.")


def sensitivity(
    table: pd.DataFrame,
    *,
    points: Mapping[str, int] | None = None,
    unread: Mapping[str, Collection[str]] | None = None,
    level: float = 0.95,
) -> list[Result]:
    """Return what other models and the worst and best missing answers make of each comparison.

    For every ordinal question and pair of cohorts: the cumulative odds ratio of a mixed model with
    readers and cases random (`mixed_odds`), nearer to what one reader makes of one case than the
    clustered one of `comparisons` and so further from 1; the test of proportional odds
    (`parallel_odds`), on which both rest. Where an answer to a case that fell to a reader is missing:
    the difference in means of all readers, and of each who missed some, if all such answers were
    the highest or the lowest of the scale. p-values are corrected over questions and cohorts, each kind for itself.

    Args:
        table: the long table of one study, with the truth.
        points: by question, how many options it offers; without it there are no ends of a scale,
            and so no worst answers.
        unread: by reader, the cases that fell to them and have no row, as where a reader gave up;
            without it they are taken as none. Those that nobody read stay out.
        level: nominal coverage, between 0 and 1.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Christensen 2018; Brant 1990. Missing answers at their worst: Little and Rubin, Statistical
        Analysis with Missing Data, 3rd edition, 2019, chapter 1.
    """
    results: list[Result] = []
    for pair in paired(table, points):
        if not pair.fault and pair.ordinal:
            results += [_mixed(pair, level), _parallel(pair)]
    results += _missing(table, points, unread or {}, level)
    questions = list(dict.fromkeys(result.at("question") for result in results))
    families = [replace(r, family="" if np.isnan(r.p) else SENSITIVITY) for r in results]
    corrected = holm(families, lambda r: (r.quantity, r.at("assumption"), r.at("reader")))
    return sorted(corrected, key=lambda result: questions.index(result.at("question")))


def _mixed(pair: Pair, level: float) -> Result:
    model = mixed_odds(pair.x, pair.y)
    low, high = t_interval(model.log_ratio, model.error, level)
    z = model.log_ratio / model.error
    ratio, low, high = np.exp((model.log_ratio, low, high)).tolist()
    about = pair.about
    notes = (READERS_ALIKE,) if np.isfinite(ratio) else (NO_ODDS_RATIO,)
    return replace(
        about,
        where={**about.where, "reader": ALL, "assumption": MIXED},
        quantity=ODDS_RATIO,
        value=ratio,
        low=low,
        high=high,
        level=level,
        standard_error=model.error,
        hypothesis="the ratio is 1",
        p=_two_sided(z),
        parts={"sd_readers": model.reader, "sd_cases": model.case},
        method="cumulative logit mixed model, readers and cases random, Laplace approximation, "
        "Wald interval",
        reference="Christensen 2018",
        warnings=(*notes, *about.warnings),
    )


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))


def _parallel(pair: Pair) -> Result:
    test = parallel_odds(pair.x, pair.y)
    about = pair.about
    return replace(
        about,
        where={**about.where, "reader": ALL, "assumption": BRANT},
        quantity=PROPORTIONAL,
        value=test.statistic,
        hypothesis=BRANT,
        p=test.p,
        parts={"df": test.df[0], "df_cases": test.df[1]},
        random="",
        method="Wald test of the log odds ratios at all thresholds, clustered by cases, F",
        reference="Brant 1990",
        warnings=(NO_TEST,) if np.isnan(test.p) else (OF_A_TEST,),
    )


def _missing(
    table: pd.DataFrame,
    points: Mapping[str, int] | None,
    unread: Mapping[str, Collection[str]],
    level: float,
) -> Iterator[Result]:
    """Yield the difference in means with missing answers at either end of the scale."""
    for rated in rated_by_question(table, points):
        ends = rated.scale(points)
        if not np.isfinite(ends).all():
            continue
        shown = _allotted(table, rated, unread)
        for first, second in product(rated.cohorts("real"), rated.cohorts("synthetic")):
            silent = {name: shown[name] & np.isnan(rated.scores[name]) for name in (first, second)}
            if not any(cells.any() for cells in silent.values()):
                continue
            for assumption, fill in ((LARGEST, ends[::-1]), (SMALLEST, ends)):
                x, y = (
                    np.where(silent[name], end, rated.scores[name])
                    for name, end in zip((first, second), fill, strict=True)
                )
                missed = np.any([cells.any(axis=0) for cells in silent.values()], axis=0)
                for reader, places in _each(rated.readers, x, y, missed):
                    names = tuple(rated.readers[i] for i in places)
                    pair = Pair(
                        rated.question, first, second, x[:, places], y[:, places], names,
                        rated.points > 0, ends[1] - ends[0], None, (),
                    )  # fmt: skip
                    yield _filled(pair, reader, assumption, level)


def _each(
    readers: tuple[str, ...],
    x: Float[np.ndarray, "m r"],
    y: Float[np.ndarray, "n r"],
    missed: Bool[np.ndarray, " r"],
) -> Iterator[tuple[str, list[int]]]:
    """Yield all who have answers to both cohorts, and each of them who missed some."""
    both = np.flatnonzero(~np.isnan(x).all(axis=0) & ~np.isnan(y).all(axis=0)).tolist()
    if both:
        yield ALL, both
    if len(both) > 1:
        yield from ((readers[i], [i]) for i in both if missed[i])


def _filled(pair: Pair, reader: str, assumption: str, level: float) -> Result:
    difference = mean_difference(pair.x, pair.y)
    low, high = pair.within(difference.interval(level))
    about = pair.about
    return replace(
        about,
        where={**about.where, "reader": reader, "assumption": assumption},
        quantity=DIFFERENCE,
        value=difference.value,
        low=low,
        high=high,
        level=level,
        hypothesis="the difference is 0",
        p=difference.p_value(),
        method=f"{assumption}; {about.method}",
        reference="Hillis 2014",
        warnings=pair.no_interval(difference, level),
    )


def _allotted(
    table: pd.DataFrame, rated: Rated, unread: Mapping[str, Collection[str]]
) -> dict[str, Bool[np.ndarray, "c r"]]:
    """Return which cases fell to each reader, whether they answered or not, by cohort."""
    read = table[(table["phase"] == "reading") & (table["question"] == rated.question)]
    pairs = set(zip(read["case"].astype(str), read["reader"].astype(str), strict=True))
    pairs |= {(case, reader) for reader, cases in unread.items() for case in cases}
    return {
        name: np.array(
            [[(case, reader) in pairs for reader in rated.readers] for case in cases], bool
        ).reshape(len(cases), len(rated.readers))
        for name, cases in rated.cases.items()
    }
