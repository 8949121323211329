"""Which p-values are corrected with which others: the plan of every report, and its method.

A result with a p-value names its `family`; those of a family that belong together, as its
description says, are corrected by Holm's method into `p_holm`.
Intervals are of one comparison each and not adjusted; verdicts follow `p_holm`.
"""

import numpy as np
from jaxtyping import Float

COMPARED = "comparison of ratings"
TOLD_APART = "telling apart"
BY_READER = "telling apart, single readers"
COHORTS = "synthetic cohorts among themselves"
EQUIVALENCE = "equivalence"
CONCORDANCE = "concordance over cases"
RANKING = "concordance over generators"
SENSITIVITY = "sensitivity"
COURSE = "course of the reading"
# What is corrected together.
FAMILIES = {
    TOLD_APART: "the comparisons of all synthetic cohorts with the real one, or with guessing, by "
    "one measure for each question whether a case is real",
    BY_READER: "the tests of single readers whether they tell real from synthetic, over readers "
    "and cohorts",
    COHORTS: "the comparisons of synthetic cohorts with one another for each such question",
    COMPARED: "the comparisons of real with synthetic ratings by one measure, over all "
    "questions but these and all cohorts",
    EQUIVALENCE: "the tests of equivalence, and those of non-inferiority, over all questions and "
    "cohorts",
    CONCORDANCE: "the rank correlations with scores in one group of cases, over all metrics and "
    "questions",
    RANKING: "the rank correlations over generators, over all metrics and questions",
    SENSITIVITY: "the odds ratios of mixed models, the tests of proportional odds, and the "
    "differences with missing answers at an end of the scale, each over all questions and cohorts",
    COURSE: "the changes over the reading, over all questions and times",
}


def holm_adjusted(p: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Return p-values that may each be held against the level of the whole family.

    With the p-values in rising order, the largest of (m - j + 1) p_j over j = 1 ... i. It is the
    Holm of statsmodels, whose function takes 0.15 s to collect garbage at every call.

    References:
        Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
