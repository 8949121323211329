"""The proportional odds model of ordinal answers, with the influence of each answer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit, logit

STEPS = 50
CONVERGED = 1e-9
ROUNDING = 1e-12  # of the log likelihood, relative
# Log odds beyond which a coefficient has no finite estimate: answers are separated.
ENDLESS = 15.0


@dataclass(frozen=True, slots=True)
class ProportionalOdds:
    """A fitted model.

    Args:
        coefficients: log odds ratios of a higher answer, one per column of `x`; nan where they
            have no finite estimate.
        thresholds: log odds of an answer no higher than each but the last, at x = 0.
        influence: of each answer on the coefficients; sums to zero.
        information: observed information of thresholds and coefficients, in this order.
        log_likelihood: at the estimate.
    """

    coefficients: Float[np.ndarray, " p"]
    thresholds: Float[np.ndarray, " t"]
    influence: Float[np.ndarray, "n p"]
    information: Float[np.ndarray, "q q"]
    log_likelihood: float


def informative(scores: Float[np.ndarray, "c r"]) -> Bool[np.ndarray, " r"]:
    """Return which readers a model with an effect of each reader learns from.

    Who gave only the lowest of all answers, or only the highest, has no finite effect and says
    nothing of the other coefficients. Without them another may be left with the lowest ones.

    Args:
        scores: one row per case, one column per reader, nan where there is no answer.
    """
    missing = np.isnan(scores)
    kept = ~missing.all(axis=0)
    while kept.any():
        scores_kept = scores[:, kept]
        ends = (np.nanmin(scores_kept), np.nanmax(scores_kept))
        mute = kept & np.any([(missing | (scores == end)).all(axis=0) for end in ends], axis=0)
        if not mute.any():
            break
        kept &= ~mute
    return np.asarray(kept)


def proportional_odds(
    answers: Int[np.ndarray, " n"], x: Float[np.ndarray, "n p"]
) -> ProportionalOdds:
    """Return the maximum likelihood fit of P(answer <= k) = expit(threshold_k - x b).

    Newton's method with step halving on the log likelihood, which is concave in these parameters
    (Pratt, JASA 76 (1981)).

    Args:
        answers: from 0 up; numbers that never occur are passed over.
        x: one row per answer, without a constant.

    References:
        McCullagh, Journal of the Royal Statistical Society B 42 (1980) 109-142.
    """
    occurring, codes = np.unique(answers, return_inverse=True)
    t, p = len(occurring) - 1, x.shape[1]
    undefined = ProportionalOdds(
        np.full(p, np.nan), np.full(max(t, 0), np.nan), np.full(x.shape, np.nan),
        np.full((t + p, t + p), np.nan), float("nan"),
    )  # fmt: skip
    if t < 1:
        return undefined
    below = np.cumsum(np.bincount(codes))[:-1] / len(codes)
    parameters = np.concatenate([logit(below), np.zeros(p)])
    # Rows of the linear predictors of the upper and the lower threshold of each answer.
    steps = np.eye(t + 2)[:, 1 : t + 1]
    upper = np.hstack([steps[codes + 1], -x])
    lower = np.hstack([steps[codes], -x])
    first, last = codes == 0, codes == t

    def ends(
        at: Float[np.ndarray, " q"],
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        return np.where(last, np.inf, upper @ at), np.where(first, -np.inf, lower @ at)

    def total(at: Float[np.ndarray, " q"]) -> float:
        ordered = np.diff(at[:t])
        if (ordered <= 0).any():
            return -np.inf
        high, low = ends(at)
        with np.errstate(divide="ignore"):
            return float(np.log(between(high, low)).sum())

    value = total(parameters)
    for _ in range(STEPS):
        scores, information = _derivatives(*ends(parameters), upper, lower)
        try:
            step = np.linalg.solve(information, scores.sum(axis=0))
        except np.linalg.LinAlgError:
            return undefined
        scale, better = 1.0, total(parameters + step)
        while better < value - ROUNDING * abs(value) and scale > CONVERGED:
            scale /= 2
            better = total(parameters + scale * step)
        parameters, value = parameters + scale * step, better
        if np.abs(parameters).max() > ENDLESS:
            return undefined
        if np.abs(step).max() < CONVERGED:
            break
    else:
        return undefined
    scores, information = _derivatives(*ends(parameters), upper, lower)
    if np.linalg.cond(information) > 1 / np.finfo(float).eps:
        return undefined
    influence = np.linalg.solve(information, scores.T).T
    return ProportionalOdds(parameters[t:], parameters[:t], influence[:, t:], information, value)


def between(high: Float[np.ndarray, "*n"], low: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Return expit(high) - expit(low), on the side of zero where it loses no digits."""
    swap = low > 0
    above, beneath = np.where(swap, -low, high), np.where(swap, -high, low)
    return np.asarray(expit(above) - expit(beneath))


def _derivatives(
    high: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    upper: Float[np.ndarray, "n q"],
    lower: Float[np.ndarray, "n q"],
) -> tuple[Float[np.ndarray, "n q"], Float[np.ndarray, "q q"]]:
    """Return the score of each answer and the observed information."""
    probability = np.maximum(between(high, low), np.finfo(float).tiny)
    # Density of the logistic distribution and its derivative; both vanish at infinity.
    d_high, d_low = expit(high) * expit(-high), expit(low) * expit(-low)
    dd_high, dd_low = d_high * (1 - 2 * expit(high)), d_low * (1 - 2 * expit(low))
    a, b = d_high / probability, d_low / probability
    scores = a[:, None] * upper - b[:, None] * lower
    curvature = (upper.T * (dd_high / probability)) @ upper
    curvature -= (lower.T * (dd_low / probability)) @ lower
    return scores, scores.T @ scores - curvature
