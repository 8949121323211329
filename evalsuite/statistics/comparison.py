"""Real against synthetic in the answers of readers: differences, and that there is none to matter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import rankdata

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.statistics.crossed import NAN, Crossed, over_readers, pooled
from evalsuite.statistics.proportional_odds import proportional_odds
from evalsuite.statistics.rated import NO_TRUTH, Rated, rated_by_question
from evalsuite.statistics.ratings import ALL, ALONE, BOTH, CROSSED_REFERENCE, cautions

COLUMNS = [
    "question", "first", "second", "reader", "quantity", "estimate", "low", "high", "level",
    "hypothesis", "p", "p_holm", "n_readers", "n_first", "n_second", "n_answers", "method",
    "reference", "warnings",
]  # fmt: skip
EQUIVALENCE_COLUMNS = [
    "question", "first", "second", "test", "margin", "estimate", "low", "high", "level",
    "hypothesis", "p", "p_holm", "shown", "n_readers", "n_first", "n_second", "method",
    "reference", "warnings",
]  # fmt: skip
DIFFERENCE = "difference in means"
SUPERIORITY = "probability of superiority"
ODDS_RATIO = "cumulative odds ratio"


@dataclass(frozen=True, slots=True)
class Pair:
    """The answers to two cohorts, of the readers who answered both.

    Args:
        x, y: the first cohort, the real one by default, and the second.
        warnings: reasons to doubt a comparison.
    """

    question: str
    first: str
    second: str
    x: Float[np.ndarray, "m r"]
    y: Float[np.ndarray, "n r"]
    readers: tuple[str, ...]
    ordinal: bool
    warnings: tuple[str, ...]

    def of_reader(self, i: int) -> "Pair":
        """Return the answers of one reader."""
        x, y = self.x[:, [i]], self.y[:, [i]]
        own = cautions([x, y])
        return Pair(
            self.question, self.first, self.second, x, y, (self.readers[i],), self.ordinal, own
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many readers, cases and answers there are, by column."""
        x, y = ~np.isnan(self.x), ~np.isnan(self.y)
        return {
            "n_readers": len(self.readers),
            "n_first": int(x.any(axis=1).sum()),
            "n_second": int(y.any(axis=1).sum()),
            "n_answers": int(x.sum() + y.sum()),
        }

    @property
    def fault(self) -> str:
        """Why nothing can be compared; empty where it can."""
        if not self.readers:
            return "No reader answered cases of both cohorts, so they cannot be compared."
        return ""


def mean_difference(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the mean over readers of the difference of their mean answers, x less y.

    For one reader the interval is Welch's.

    Args:
        x, y: answers to two cohorts, cases nested within them, by the same readers; every reader
            has an answer in both.

    References:
        Hillis, Statistics in Medicine 33 (2014) 330-360. Welch, Biometrika 34 (1947) 28-35.
    """
    return over_readers(np.nanmean(x, axis=0) - np.nanmean(y, axis=0), [x, -y])


def superiority(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the mean over readers of P(x > y) + P(x = y) / 2, in [0, 1]; 1/2 is no difference.

    For a reader's answers to a random case of each cohort it is the Mann-Whitney statistic, that
    is the area under the reader's empirical ROC curve, and what case c adds is its placement. For
    one reader the variance and degrees of freedom are those of Brunner and Munzel.

    Args:
        x, y: as for `mean_difference`.

    References:
        Brunner and Munzel, Biometrical Journal 42 (2000) 17-25. DeLong, DeLong and
        Clarke-Pearson, Biometrics 44 (1988). Obuchowski and Rockette 1995.
    """
    placements = [_placements(x[:, i], y[:, i]) for i in range(x.shape[1])]
    of_x = np.stack([p for p, _ in placements], axis=1)
    of_y = np.stack([p for _, p in placements], axis=1)
    return over_readers(np.nanmean(of_x, axis=0), [of_x, of_y])


def odds_ratio(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the log of the cumulative odds ratio of a higher answer to x than to y.

    A proportional odds model with an effect of each reader; its variance is clustered by readers
    and by cases, in place of the crossed random effects of a mixed model, for which no
    well-kept library exists. The ratio is that of the population of cases, nearer to 1 than the
    ratio for one given case of a mixed model.

    Args:
        x, y: as for `mean_difference`. Readers with only lowest or only highest answers say
            nothing and are left out.

    References:
        McCullagh 1980; Cameron, Gelbach and Miller 2011.
    """
    scores = np.concatenate([x, y])
    given = ~np.isnan(scores)
    lowest, highest = np.nanmin(scores), np.nanmax(scores)
    extreme = (~given | (scores == lowest)).all(axis=0) | (~given | (scores == highest)).all(axis=0)
    given[:, extreme] = False
    case, reader = np.nonzero(given)
    if not len(case):
        return Crossed(NAN, NAN, NAN, NAN, NAN)
    effects = (reader[:, None] == np.unique(reader)[1:]).astype(float)
    design = np.column_stack([case < len(x), effects]).astype(float)
    _, codes = np.unique(scores[given], return_inverse=True)
    model = proportional_odds(codes, design)
    if np.isnan(model.coefficients[0]):
        return Crossed(NAN, NAN, NAN, NAN, NAN)
    influence = np.full(scores.shape, np.nan)
    influence[given] = model.influence[:, 0]
    return pooled(float(model.coefficients[0]), influence, parameters=2)


def _placements(
    x: Float[np.ndarray, "m"], y: Float[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "n"]]:
    """Return for each x the share of y below it, and for each y the share of x above it."""
    own_x, own_y = x[~np.isnan(x)], y[~np.isnan(y)]
    ranks = rankdata(np.concatenate([own_x, own_y]))
    m, n = len(own_x), len(own_y)
    of_x, of_y = np.full(len(x), np.nan), np.full(len(y), np.nan)
    of_x[~np.isnan(x)] = (ranks[:m] - rankdata(own_x)) / n
    of_y[~np.isnan(y)] = 1 - (ranks[m:] - rankdata(own_y)) / m
    return of_x, of_y


def comparisons(
    table: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how the answers to two cohorts differ, for every question.

    Quantities: the difference in means (first less second), the probability of superiority of the
    first, and on ordinal scales the cumulative odds ratio. Rows of all readers hold for other
    readers and other cases; in simulations of 2 to 10 readers their tests at 5 % rejected 2 to
    7 % of true hypotheses (benchmarks/coverage.py).

    Args:
        table: the long table of one study, with the truth.
        pairs: names of the cohorts to compare; each real with each synthetic one if None.
        level: nominal coverage, between 0 and 1.

    Returns:
        One row per question, pair, quantity and reader (and all of them together, without the odds
        ratio of single readers). `p_holm` corrects `p` over all questions and pairs of a quantity
        by Holm's method; it is empty in rows of single readers.

    Raises:
        EvalsuiteError: as `answers_by_question`; for a pair of cohorts that is not there.
    """
    rows: list[dict[str, object]] = []
    for pair in _pairs(table, pairs):
        if isinstance(pair, dict):
            rows += [pair | {"quantity": q, "level": level} for q in (DIFFERENCE, SUPERIORITY)]
            continue
        about = {"question": pair.question, "first": pair.first, "second": pair.second}
        for reader, own in {ALL: pair} | {
            name: pair.of_reader(i) for i, name in enumerate(pair.readers)
        }.items():
            rows += [
                about | {"reader": reader, "level": level} | own.counts | row
                for row in _quantities(own, level, with_model=reader == ALL)
            ]
    return _holm(pd.DataFrame(rows, columns=COLUMNS), ["quantity"])


def _quantities(pair: Pair, level: float, *, with_model: bool) -> Iterator[dict[str, object]]:
    names = [DIFFERENCE, SUPERIORITY] + [ODDS_RATIO] * (with_model and pair.ordinal)
    scale = ALONE if len(pair.readers) == 1 else BOTH
    for name in names:
        found, ends, p, notes = Crossed(NAN, NAN, NAN, NAN, NAN), (NAN, NAN), NAN, [pair.fault]
        value = NAN
        if not pair.fault:
            notes = []
            if name == DIFFERENCE:
                found = mean_difference(pair.x, pair.y)
                value, ends, p = found.value, found.interval(level), found.p_value()
            elif name == SUPERIORITY:
                found = superiority(pair.x, pair.y)
                value, ends = found.value, found.probability_interval(level)
                p = found.on_logit().p_value()
            else:
                found = odds_ratio(pair.x, pair.y)
                value, p = float(np.exp(found.value)), found.p_value()
                ends = tuple(np.exp(found.interval(level)).tolist())
            if np.isnan(ends[0]):
                notes = [_no_interval(name, value, pair)]
        yield {
            "quantity": name,
            "estimate": value,
            "low": ends[0],
            "high": ends[1],
            "p": p,
            "hypothesis": _HYPOTHESES[name],
            "method": f"{_METHODS[name]}; {scale}",
            "reference": _REFERENCES[name],
            "warnings": " ".join(note for note in (*notes, *pair.warnings) if note),
        }


_HYPOTHESES = {
    DIFFERENCE: "the difference is 0",
    SUPERIORITY: "the probability is 0.5",
    ODDS_RATIO: "the ratio is 1",
}
_METHODS = {
    DIFFERENCE: "mean over readers of first less second, Student t",
    SUPERIORITY: "P(first > second) + P(equal) / 2 within a reader, Student t of log odds",
    ODDS_RATIO: "odds of a higher answer to the first by a proportional odds model with reader "
    "effects, Student t with variance clustered by readers and cases",
}
_REFERENCES = {
    DIFFERENCE: "Hillis 2014; Cochran 1964",
    SUPERIORITY: "Brunner and Munzel 2000; Obuchowski and Rockette 1995",
    ODDS_RATIO: "McCullagh 1980; Cameron, Gelbach and Miller 2011",
}


def _no_interval(name: str, value: float, pair: Pair) -> str:
    if min(pair.counts["n_first"], pair.counts["n_second"]) < 2:
        return "There is no interval: it needs 2 cases of each cohort."
    if np.isnan(value):
        return (
            "There is no odds ratio: all answers are equal, or every answer to one cohort is above "
            "those to the other."
        )
    if name == SUPERIORITY and value in (0, 1):
        return "There is no interval: every answer to one cohort is above those to the other."
    return "There is no interval: the answers do not vary."


def equivalence(
    table: pd.DataFrame,
    margins: Mapping[str, float],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return whether a difference in means as large as the margin of a question is ruled out.

    Two one-sided tests for equivalence, one for non-inferiority of the second cohort, the
    synthetic one by default; on the variance of `mean_difference`, so that the answer holds for
    other readers and cases. Equivalence is shown at `alpha` exactly if the interval of coverage
    1 - 2 alpha lies within the margin.

    Args:
        table: the long table of one study, with the truth.
        margins: by question, the largest difference that would not matter, in points of the
            answer; questions without one are left out.
        pairs: as for `comparisons`.
        alpha: level of each one-sided test.

    Returns:
        One row per question with a margin, pair and test. `low` and `high` are of coverage
        1 - 2 alpha; `shown` is whether `p_holm`, corrected over the rows of a test, is below
        `alpha`.

    Raises:
        EvalsuiteError: as `comparisons`; for a margin that is not above 0 or of no question.

    References:
        Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680. ICH E9.
    """
    questions = set(table["question"].astype(str)) if "question" in table.columns else set()
    for question, margin in margins.items():
        if not (np.isfinite(margin) and margin > 0):
            raise EvalsuiteError(
                f'The margin of the question "{question}" is {margin:g}; expected more than 0.'
            )
        if question not in questions:
            raise EvalsuiteError(
                f"There is a margin for it: {unknown('question', question, questions)}"
            )
    rows: list[dict[str, object]] = []
    for pair in _pairs(table, pairs):
        question = str(pair["question"]) if isinstance(pair, dict) else pair.question
        if question not in margins:
            continue
        margin = margins[question]
        shared = {
            "margin": margin,
            "level": 1 - 2 * alpha,
            "method": _TOST,
            "reference": "Schuirmann 1987",
        }
        if isinstance(pair, dict):
            rows += [pair | shared | {"test": test} for test in ("equivalence", "non-inferiority")]
            continue
        found, notes = Crossed(NAN, NAN, NAN, NAN, NAN), [pair.fault]
        if not pair.fault:
            found = mean_difference(pair.x, pair.y)
            notes = [] if found.variance > 0 else [_no_interval(DIFFERENCE, found.value, pair)]
        low, high = found.interval(1 - 2 * alpha)
        not_worse = 1 - found.upper_tail(margin)
        not_better = found.upper_tail(-margin)
        about = {
            "question": question,
            "first": pair.first,
            "second": pair.second,
            "estimate": found.value,
            "low": low,
            "high": high,
            "warnings": " ".join(note for note in (*notes, *pair.warnings) if note),
        }
        rows += [
            about | shared | pair.counts | {"test": test, "hypothesis": hypothesis, "p": p}
            for test, hypothesis, p in (
                ("equivalence", f"the means differ by {margin:g} or more",
                 max(not_worse, not_better)),
                ("non-inferiority", f"the second mean is lower by {margin:g} or more", not_worse),
            )
        ]  # fmt: skip
    tests = _holm(pd.DataFrame(rows, columns=EQUIVALENCE_COLUMNS), ["test"])
    tests["shown"] = tests["p_holm"] < alpha
    return tests


_TOST = f"one-sided Student t tests of the difference in means against the margin; {BOTH}"


def _pairs(
    table: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None
) -> Iterator[Pair | dict[str, object]]:
    """Yield the answers to compare, or a row that says why there are none."""
    for rated in rated_by_question(table):
        wanted = pairs
        if wanted is None:
            wanted = [(r, s) for r in rated.cohorts("real") for s in rated.cohorts("synthetic")]
        elif NO_TRUTH not in rated.warnings:
            for name in (name for pair in wanted for name in pair if name not in rated.scores):
                raise EvalsuiteError(unknown("cohort", name, rated.scores))
        if NO_TRUTH in rated.warnings or not wanted:
            reason = "It needs a real and a synthetic cohort with answers."
            reason = NO_TRUTH if NO_TRUTH in rated.warnings else reason
            yield {"question": rated.question, "reader": ALL, "warnings": reason}
            continue
        for first, second in wanted:
            yield _pair(rated, first, second)


def _pair(rated: Rated, first: str, second: str) -> Pair:
    x, y = rated.scores[first], rated.scores[second]
    both = ~np.isnan(x).all(axis=0) & ~np.isnan(y).all(axis=0)
    readers = tuple(np.array(rated.readers)[both].tolist())
    notes = cautions([x[:, both], y[:, both]]) if readers else ()
    if 0 < len(readers) < len(rated.readers):
        lost = len(rated.readers) - len(readers)
        notes = (f"{lost} of {len(rated.readers)} readers lack answers to one cohort.", *notes)
    return Pair(
        rated.question, first, second, x[:, both], y[:, both], readers,
        rated.points > 0, (*notes, *rated.warnings),
    )  # fmt: skip


def _holm(rows: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Fill `p_holm` within each family of rows of all readers."""
    from statsmodels.stats.multitest import multipletests

    rows["p_holm"] = np.nan
    chosen = rows["p"].notna()
    if "reader" in rows.columns:
        chosen &= rows["reader"] == ALL
    for _, group in rows[chosen].groupby(family):
        rows.loc[group.index, "p_holm"] = multipletests(group["p"].to_numpy(float), method="holm")[
            1
        ]
    return rows
