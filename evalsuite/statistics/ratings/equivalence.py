"""Tests that two cohorts do not differ by so much that it would matter."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.statistics.multiplicity import EQUIVALENCE, holm
from evalsuite.statistics.ratings.averages import ALONE, BOTH
from evalsuite.statistics.ratings.contrasts import mean_difference
from evalsuite.statistics.ratings.crossed import UNDEFINED
from evalsuite.statistics.ratings.pairs import paired

COLUMNS = [
    "question", "first", "second", "test", "margin", "estimate", "low", "high", "level",
    "hypothesis", "p", "p_holm", "shown", "family", "n_readers", "n_first", "n_second",
    "n_answers", "random", "method", "reference", "warnings",
]  # fmt: skip


def equivalence(
    table: pd.DataFrame,
    margins: Mapping[str, float],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    points: Mapping[str, int] | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return whether a difference in means as large as the margin of a question is ruled out.

    Two one-sided tests for equivalence, one for non-inferiority of the second cohort, the
    synthetic one by default, on the variance of `contrasts.mean_difference`, so that the answer
    holds for other readers and cases. Equivalence has p below `alpha` exactly where the interval of
    coverage 1 - 2 alpha lies within the margin.

    Args:
        table: the long table of one study, with the truth.
        margins: by question, the largest difference that would not matter, in points of the
            answer; questions without one are left out, and so are those of pairs of cases.
        pairs: names of the cohorts to compare; each real with each synthetic one if None.
        points: by question, how many options it offers.
        alpha: level of each one-sided test, below one half.

    Returns:
        One row per question with a margin, pair and test. `low` and `high` are of coverage
        1 - 2 alpha. `p` is of `hypothesis`, which is the one to reject; `p_holm` corrects it over
        the rows of a test by Holm's method, and `shown` says whether it is below `alpha`.

    Raises:
        EvalsuiteError: as `comparisons`; for a margin that is not above 0 or of no question.

    References:
        Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.
        Hillis, Statistics in Medicine 33 (2014) 330-360.
    """
    asked = set(table["question"].astype(str)) if "question" in table.columns else set()
    for question, margin in margins.items():
        if not (np.isfinite(margin) and margin > 0):
            raise EvalsuiteError(
                f'The margin of the question "{question}" is {margin:g}; expected more than 0.'
            )
        if question not in asked:
            raise EvalsuiteError(
                f"A margin fits no question. {unknown('question', question, asked)}"
            )
    rows: list[dict[str, object]] = []
    for pair in paired(table, pairs, points):
        if pair.question not in margins:
            continue
        margin = margins[pair.question]
        found = UNDEFINED if pair.fault else mean_difference(pair.x, pair.y)
        low, high = pair.within(found.interval(1 - 2 * alpha))
        lower, higher = 1 - found.upper_tail(margin), found.upper_tail(-margin)
        tests = {
            "equivalence": (f"the means differ by {margin:g} or more", max(lower, higher)),
            "non-inferiority": (f"the second mean is lower by {margin:g} or more", lower),
        }
        note = "" if pair.fault else pair.no_interval(found, 1 - 2 * alpha)
        rows += [
            pair.about
            | {
                "test": test,
                "margin": margin,
                "estimate": found.value,
                "low": low,
                "high": high,
                "level": 1 - 2 * alpha,
                "hypothesis": hypothesis,
                "p": p,
                "family": EQUIVALENCE,
                "method": "one-sided Student t tests of the difference in means against the "
                f"margin; {ALONE if len(pair.readers) == 1 else BOTH}",
                "reference": "Schuirmann 1987; Hillis 2014",
                "warnings": pair.noted(note),
            }
            for test, (hypothesis, p) in tests.items()
        ]
    result = holm(pd.DataFrame(rows, columns=COLUMNS), ["test"])
    return result.assign(shown=result["p_holm"] < alpha)
