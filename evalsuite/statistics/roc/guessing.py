"""Whether readers are shown to guess, within a margin, and not only not shown to do better."""

from dataclasses import replace

import numpy as np
from scipy.special import logit
from scipy.stats import binomtest

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.cautions import FOR_THESE
from evalsuite.statistics.multiplicity import EQUIVALENCE
from evalsuite.statistics.ratings.area import EXACT, exact_share
from evalsuite.statistics.ratings.crossed import standard_error
from evalsuite.statistics.result import NAN, Result, holm
from evalsuite.statistics.roc.merits import Merits
from evalsuite.statistics.roc.variants import NO_VARIANCE, mean_figure, no_interval

GUESSING = 0.5
EQUIVALENT, NOT_SUPERIOR = "equivalence", "non-inferiority"
REFERENCE = "Schuirmann 1987; Obuchowski and Rockette 1995; Hillis 2007"


def guessing(merits: Merits, margin: float | None = None, *, alpha: float = 0.05) -> list[Result]:
    """Return whether a mean figure as far from guessing as the margin is ruled out.

    Two one-sided tests for equivalence with 0.5 (readers neither find the real cases nor take the
    synthetic ones for them); one for non-inferiority of the synthetic cohort (readers find the real
    cases no better than guessing, or take synthetic ones for real). Both are on the scale of log
    odds with the variance of `obuchowski_rockette`, so that the answer holds for other readers and
    other cases. Equivalence has p below `alpha` exactly where the interval of coverage 1 - 2
    alpha lies within the margin. Figures of 0 or 1 have exact tests, for these readers alone.

    In simulations of a figure that lies on the margin (500 studies each; 2 to 10 readers, 16 to
    100 cases of either truth) equivalence at 5 % was claimed in 0 to 5 %, non-inferiority in 2 to
    5 %. With 2 or 3 readers and 16 cases equivalence within 0.12 was hardly ever claimed.

    Args:
        merits: see `auc_merits` and `choice_merits`.
        margin: of the figure, above 0 and below 0.5; without one there is no test, only the
            interval and the smallest margin that it would show.
        alpha: level of each one-sided test, below one half.

    Returns:
        One per treatment and test, with an interval of coverage 1 - 2 alpha; `p` is of
        `hypothesis`, which is the one to reject, and corrected over treatments. The part
        `smallest_margin` is the smallest one with which equivalence has p of `alpha`.

    Raises:
        EvalsuiteError: for a margin that no figure could exceed, or of 0.

    References:
        Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680. Equivalence
        of areas: Obuchowski, Academic Radiology 4 (1997) 299-304.
    """
    if margin is not None and not 0 < margin < GUESSING:
        raise EvalsuiteError(
            f"The margin of guessing is {margin:g}; expected more than 0 and less than 0.5, as a "
            "share of 0 or 1 is as far from 0.5 as can be."
        )
    results: list[Result] = []
    for t, name in enumerate(merits.treatments):
        own = merits.only([t], np.flatnonzero(merits.usable[t]).tolist())
        if own.readers:
            results += _tests(own, name, margin, alpha)
    return holm(results, lambda result: result.quantity)


def _tests(merits: Merits, name: str, margin: float | None, alpha: float) -> list[Result]:
    level = 1 - 2 * alpha
    mean = mean_figure(merits)
    upper, lower = (GUESSING + (margin or NAN), GUESSING - (margin or NAN))
    several = len(merits.readers) > 1
    about = Result(
        where={"question": merits.question, "treatment": name},
        value=mean.value,
        level=level,
        standard_error=standard_error(mean),
        family=EQUIVALENCE,
        counts={"readers": len(merits.readers), "cases": merits.n_cases},
        random="cases and readers" if several else "cases",
        method="one-sided tests of the mean figure against the margin, Student t of log odds, "
        f"{'readers and cases random' if several else 'cases random'}; {merits.method}",
        reference=f"{REFERENCE}; {merits.reference}",
        warnings=merits.warnings,
    )
    if 0 < mean.value < 1:
        low, high = mean.probability_interval(level)
        about = replace(about, warnings=(*about.warnings, *no_interval(mean, level)))
        odds = mean.on_logit()
        below, above = (
            (1 - odds.upper_tail(float(logit(upper))), odds.upper_tail(float(logit(lower))))
            if margin is not None
            else (NAN, NAN)
        )
    elif merits.trials is None:
        low = high = below = above = NAN
        about = replace(about, warnings=(*about.warnings, NO_VARIANCE))
    else:
        n = int(merits.trials.disjoint.min())
        k = round(mean.value) * n
        _, low, high, _ = exact_share(k, n, level)
        below, above = (
            (
                float(binomtest(k, n, upper, "less").pvalue),
                float(binomtest(k, n, lower, "greater").pvalue),
            )
            if margin is not None
            else (NAN, NAN)
        )
        about = replace(
            about,
            random="cases",
            method=f"exact one-sided tests of {n} trials without a common case; {merits.method}",
            reference=EXACT,
            warnings=(*about.warnings, FOR_THESE),
        )
    smallest = max(abs(low - GUESSING), abs(high - GUESSING))
    parts = {"margin": NAN if margin is None else margin, "smallest_margin": smallest}
    about = replace(about, low=low, high=high, parts=parts)
    if margin is None:
        return [replace(about, quantity=EQUIVALENT, family="")]
    tests = {
        EQUIVALENT: (f"the figure differs from 0.5 by {margin:g} or more", max(below, above)),
        NOT_SUPERIOR: (f"the figure is {upper:g} or more", below),
    }
    return [
        replace(about, quantity=test, hypothesis=hypothesis, p=p)
        for test, (hypothesis, p) in tests.items()
    ]
