"""Tests that two cohorts do not differ by so much that it would matter."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.statistics.multiplicity import EQUIVALENCE
from evalsuite.statistics.ratings.contrasts import mean_difference
from evalsuite.statistics.ratings.crossed import UNDEFINED
from evalsuite.statistics.ratings.pairs import paired
from evalsuite.statistics.result import Result, holm


def equivalence(
    table: pd.DataFrame,
    margins: Mapping[str, float],
    *,
    points: Mapping[str, int] | None = None,
    alpha: float = 0.05,
) -> list[Result]:
    """Return whether a difference in means as large as the margin of a question is ruled out.

    Two one-sided tests for equivalence, one for non-inferiority of the second cohort, the
    synthetic one by default, on the variance of `contrasts.mean_difference`, so that the answer
    holds for other readers and cases. Equivalence has p below `alpha` exactly where the interval of
    coverage 1 - 2 alpha lies within the margin.

    Args:
        table: the long table of one study, with the truth.
        margins: by question, the largest difference that would not matter, in points of the
            answer; questions without one are left out, and so are those of pairs of cases.
        points: by question, how many options it offers.
        alpha: level of each one-sided test, below one half.

    Returns:
        One per question with a margin, pair and test. The interval is of coverage 1 - 2 alpha; `p`
        is of `hypothesis`, which is the one to reject, and corrected over the pairs and questions
        of a test.

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
    results = []
    for pair in paired(table, points):
        if pair.question not in margins:
            continue
        margin = margins[pair.question]
        difference = UNDEFINED if pair.fault else mean_difference(pair.x, pair.y)
        low, high = pair.within(difference.interval(1 - 2 * alpha))
        lower, higher = 1 - difference.upper_tail(margin), difference.upper_tail(-margin)
        tests = {
            "equivalence": (f"the means differ by {margin:g} or more", max(lower, higher)),
            "non-inferiority": (f"the second mean is lower by {margin:g} or more", lower),
        }
        about = pair.about
        results += [
            replace(
                about,
                quantity=test,
                value=difference.value,
                low=low,
                high=high,
                level=1 - 2 * alpha,
                hypothesis=hypothesis,
                p=p,
                family=EQUIVALENCE,
                parts={"margin": margin},
                method="one-sided Student t tests of the difference in means against the margin; "
                f"{about.method}",
                reference="Schuirmann 1987; Hillis 2014",
                warnings=(*pair.no_interval(difference, 1 - 2 * alpha), *about.warnings),
            )
            for test, (hypothesis, p) in tests.items()
        ]
    return holm(results, lambda result: result.quantity)
