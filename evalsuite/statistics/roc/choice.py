"""Two-alternative forced choice: how often readers find the real one of a pair."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.answers import CHOICE, Answers, answers_by_question
from evalsuite.statistics.multiplicity import BY_READER
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import NO_TRUTH
from evalsuite.statistics.ratings.area import EXACT, exact_share
from evalsuite.statistics.result import Result, holm
from evalsuite.statistics.roc.auc import UNBIASED, PairSums, share_covariance
from evalsuite.statistics.roc.merits import Merits, Trials
from evalsuite.statistics.roc.one_shot import everyone

ACCURACY = "2AFC accuracy"
NO_PAIR = Caveat("no-pair", "The share is undefined: no pair with known truth was answered.")
DEPENDENT = Caveat(
    "dependent-pairs",
    "Some cases occur in several pairs, so pairs are not independent and the interval is too short.",
)


@dataclass(frozen=True, slots=True)
class Choices:
    """Which of p pairs r readers got right, against t synthetic cohorts.

    Args:
        question: its name.
        treatments: synthetic cohorts; one without a name where there is no truth.
        readers: names.
        right: 1 where the real case was chosen, 0 where the other; nan where the pair was not
            answered or is of another cohort.
        real, synthetic: of each pair, the number of either case, from 0.
        warnings: what to know of all of it, each one plain sentence.
    """

    question: str
    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    right: Float[np.ndarray, "t r p"]
    real: Int[np.ndarray, " p"]
    synthetic: Int[np.ndarray, " p"]
    warnings: tuple[Caveat, ...] = ()


def choices(table: pd.DataFrame) -> list[Choices]:
    """Return the choices of each forced-choice question of a study.

    Hidden repeats and training are left out. Before unblinding no choice is known to be right.

    Args:
        table: the long table of one study, unblinded.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    return [
        _choices(answers, _pairs(table))
        for answers in answers_by_question(table)
        if answers.analysis == CHOICE
    ]


def reader_choices(choices: Choices, *, level: float = 0.95) -> list[Result]:
    """Return the share of right choices of every reader with its exact interval.

    It is 0.5 by chance (`p` is of the exact test against it), 1 for readers who always find the
    real case, and estimates the area under the reader's ROC curve. Intervals are for other pairs
    and this reader only.

    Args:
        level: nominal coverage, between 0 and 1; exact intervals cover at least that.

    Returns:
        One per synthetic cohort and reader; p-values are corrected over all of them.

    References:
        Green and Swets, Signal Detection Theory and Psychophysics, 1966, chapter 2.
        Clopper and Pearson, Biometrika 26 (1934) 404-413.
    """
    results = []
    for t, treatment in enumerate(choices.treatments):
        for reader, right in zip(choices.readers, choices.right[t], strict=True):
            given = ~np.isnan(right)
            n = int(given.sum())
            share, low, high, p = exact_share(int(right[given].sum()), n, level)
            once = all(
                len(np.unique(cases[given])) == n for cases in (choices.real, choices.synthetic)
            )
            share_right = Result(
                where={"question": choices.question, "treatment": treatment, "reader": reader},
                quantity=ACCURACY,
                value=share,
                low=low,
                high=high,
                level=level,
                p=p,
                family=BY_READER,
                counts={"pairs": n},
                random="cases",
                method="exact interval and binomial test; pairs random, this reader only",
                reference=EXACT,
                warnings=choices.warnings + (() if once else (DEPENDENT,)),
            )
            results.append(
                share_right
                if n
                else replace(share_right, warnings=(*share_right.warnings, NO_PAIR))
            )
    return holm(results, lambda result: result.quantity)


def choice_merits(choices: Choices) -> Merits:
    """Return the share of right choices of readers, for `obuchowski_rockette`.

    Both cases of a pair are samples. Readers who saw a case with different partners have it in
    common as well.
    """
    t, r, p = choices.right.shape
    right = choices.right.reshape(t * r, p)
    shown = (~np.isnan(right)).astype(float)
    of_real, of_synthetic = (
        np.eye(cases.max(initial=-1) + 1)[cases] for cases in (choices.real, choices.synthetic)
    )
    sums = [
        PairSums(counted @ of_real, counted @ of_synthetic, counted @ counted.T)
        for counted in (np.nan_to_num(right), shown)
    ]
    share, covariance = share_covariance(*sums)
    read = np.concatenate([sums[1].positive, sums[1].negative], axis=1) > 0
    crossed = everyone(~np.isnan(choices.right))
    return Merits(
        choices.question,
        ACCURACY,
        choices.treatments,
        choices.readers,
        share.reshape(t, r),
        covariance.reshape(t, r, t, r),
        read.reshape(t, r, -1),
        "share of right choices, unbiased covariance",
        UNBIASED,
        choices.warnings,
        trials=_trials(choices),
        sums=None if crossed else (sums[0], sums[1]),
    )


def _trials(choices: Choices) -> Trials:
    """Return of how many pairs no two have a case in common, and what follows from that."""
    given = ~np.isnan(choices.right)
    counts = [
        [
            _matching(choices.real[pairs_read], choices.synthetic[pairs_read])
            for pairs_read in of_treatment
        ]
        for of_treatment in given
    ]
    disjoint = np.array(counts, int).reshape(given.shape[:2])
    pairs = given.any(axis=1).sum(axis=1)
    # Readers who guess are as likely to be right on every pair as wrong on every pair.
    least_p = np.minimum(2.0 ** (1.0 - pairs), 1)
    return Trials(disjoint, disjoint - 1.0, pairs - 1.0, least_p)


def _matching(first: Int[np.ndarray, " p"], second: Int[np.ndarray, " p"]) -> int:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if not len(first):
        return 0
    indices = first.astype(np.int32), second.astype(np.int32)  # older SciPy matches no others
    graph = csr_array((np.ones(len(first), int), indices))
    return int((maximum_bipartite_matching(graph) >= 0).sum())


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return real case, synthetic case and cohort of each pair of known truth."""
    columns = ["real", "synthetic", "cohort"]
    if not {"real_side", "cohort"} <= set(table.columns):
        return pd.DataFrame(columns=columns)
    truths = table.loc[table["analysis"] == CHOICE, ["case", "cohort", "real_side"]]
    truths = truths.replace("", np.nan).dropna().drop_duplicates("case")
    rows = {}
    for case, cohort, side in truths.itertuples(index=False):
        cases, cohorts, real = case.split("|"), cohort.split("|"), int(side) - 1
        rows["|".join(sorted(cases))] = cases[real], cases[1 - real], cohorts[1 - real]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _choices(answers: Answers, pairs: pd.DataFrame) -> Choices:
    truths = pairs.reindex(list(answers.cases))
    known = truths["cohort"].notna().to_numpy(bool)
    truths, first = truths[known], answers.first[known]
    warnings: tuple[Caveat, ...] = ()
    if not known.any():
        warnings = (NO_TRUTH,)
    else:
        warnings = left_out("their truth is not told", ~known, "pairs")
    # 1 stands for the alphabetically first case of the pair.
    expected = np.where(truths["real"] < truths["synthetic"], 1, 2)[:, None]
    right = np.where(np.isnan(first), np.nan, first == expected).T
    treatments = sorted(truths["cohort"].unique()) or [""]
    of_treatment = truths["cohort"].to_numpy() == np.array(treatments, dtype=object)[:, None]
    return Choices(
        answers.question,
        tuple(treatments),
        answers.readers,
        np.where(of_treatment[:, None], right, np.nan),
        pd.factorize(truths["real"], sort=True)[0],
        pd.factorize(truths["synthetic"], sort=True)[0],
        warnings,
    )
