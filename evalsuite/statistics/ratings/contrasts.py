"""How far apart the answers to two cohorts are, for readers and cases that are both samples."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from evalsuite.statistics.ratings.crossed import (
    UNDEFINED,
    Crossed,
    least_p_of_order,
    over_figures,
    over_readers,
    pooled,
)
from evalsuite.statistics.ratings.proportional_odds import informative, proportional_odds
from evalsuite.statistics.roc.auc import area_freedom, auc_covariance, share_covariance
from evalsuite.statistics.roc.one_shot import area_sums, everyone


def mean_difference(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the mean over readers of the difference of their mean answers, x less y.

    For one reader the interval is Welch's.

    Args:
        x, y: answers to two cohorts, cases nested within them, by the same readers; every reader
            has an answer in both.

    References:
        Hillis, Statistics in Medicine 33 (2014) 330-360. Welch, Biometrika 34 (1947) 28-35.
    """
    difference = over_readers(np.nanmean(x, axis=0) - np.nanmean(y, axis=0), [x, -y])
    return replace(difference, least_p=_least_p(x, y))


def superiority(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the mean over readers of P(x > y) + P(x = y) / 2, in [0, 1]; 1/2 is no difference.

    For a reader's answers to a random case of each cohort it is the Mann-Whitney statistic, that
    is the area under the reader's empirical ROC curve, and what case c adds is its placement. For
    one reader the variance and degrees of freedom are those of Brunner and Munzel; of several who
    did not all read everything the covariance is that of Gallas.

    Args:
        x, y: as for `mean_difference`.

    References:
        Brunner and Munzel, Biometrical Journal 42 (2000) 17-25. DeLong, DeLong and
        Clarke-Pearson, Biometrics 44 (1988). Obuchowski and Rockette 1995. Gallas 2006.
    """
    if everyone(~np.isnan(np.concatenate([x, y]).T)):
        value, covariance = auc_covariance(x.T, y.T)
    else:
        value, covariance = share_covariance(*area_sums(x.T, y.T))
    return over_figures(value, covariance, area_freedom(x.T, y.T), _least_p(x, y))


def odds_ratio(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Crossed:
    """Return the log of the cumulative odds ratio of a higher answer to x than to y.

    A proportional odds model with an effect of each reader; its variance is clustered by readers
    and by cases, in place of the crossed random effects of a mixed model, for which no
    well-kept library exists. The ratio is that of the population of cases, nearer to 1 than the
    ratio for one given case of a mixed model.

    Args:
        x, y: as for `mean_difference`. Readers who are not `informative` are left out.

    References:
        McCullagh 1980; Cameron, Gelbach and Miller 2011.
    """
    scores = np.concatenate([x, y])
    given = ~np.isnan(scores) & informative(scores)
    case, reader = np.nonzero(given)
    if not len(case):
        return UNDEFINED
    effects = (reader[:, None] == np.unique(reader)[1:]).astype(float)
    design = np.column_stack([case < len(x), effects]).astype(float)
    _, codes = np.unique(scores[given], return_inverse=True)
    model = proportional_odds(codes, design)
    if np.isnan(model.coefficients[0]):
        return UNDEFINED
    influence = np.full(scores.shape, np.nan)
    influence[given] = model.influence[:, 0]
    log_ratio = pooled(float(model.coefficients[0]), influence, parameters=2)
    return replace(log_ratio, least_p=_least_p(x, y))


def _least_p(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> float:
    """Return the smallest p-value of any test whether it matters which cases are of x."""
    return least_p_of_order(*(int((~np.isnan(part)).any(axis=1).sum()) for part in (x, y)))
