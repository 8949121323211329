"""The cumulative logit mixed model: readers and cases as crossed random effects."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from evalsuite.statistics.ratings.proportional_odds import (
    ENDLESS,
    between,
    informative,
    proportional_odds,
)

INNER_STEPS, OUTER_STEPS = 60, 40
INNER_CONVERGED, OUTER_CONVERGED = 1e-11, 1e-6
STEP = 1e-3  # of the numerical derivatives, in log odds
START = 0.5  # standard deviation of the effects to begin with
NONE = 1e-3  # of effects below which there is none


@dataclass(frozen=True, slots=True)
class MixedOdds:
    """A fitted model of the answers to two cohorts.

    Args:
        log_ratio, error: log odds ratio of a higher answer of one reader to a case of x than to
            one of y, and its standard error; nan where there is no finite estimate.
        thresholds: log odds of an answer to y no higher than each but the last.
        reader, case: standard deviations of the effects of readers and of cases, in log odds.
        log_likelihood: by Laplace's approximation, at the estimate.
    """

    log_ratio: float
    error: float
    thresholds: Float[np.ndarray, " t"]
    reader: float
    case: float
    log_likelihood: float


def mixed_odds(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> MixedOdds:
    """Return the maximum likelihood fit of a cumulative logit model with two random effects.

    P(answer <= k) = expit(threshold_k - b [case of x] - reader - case), both effects normal around
    zero. The likelihood is integrated over the effects by Laplace's approximation, as in
    `ordinal::clmm` of R, with which estimates and standard errors agree to five digits. One
    reader has no effect of its own. Readers differ in how high they answer, not in how
    they see the cohorts; the clustered model of `contrasts.odds_ratio` needs no such assumption.

    Args:
        x, y: ordinal answers to two cohorts by the same readers, nan where there is none. Readers
            who are not `informative` are left out.

    References:
        Christensen, Cumulative link models for ordinal regression with the R package ordinal,
        vignette of the package (2018). Tutz and Hennevogl, Computational Statistics and Data Analysis 22 (1996) 537-557.
    """
    scores = np.concatenate([x, y])
    scores = scores[:, informative(scores)]
    first = np.arange(len(scores)) < len(x)
    given = ~np.isnan(scores)
    undefined = MixedOdds(np.nan, np.nan, np.empty(0), np.nan, np.nan, np.nan)
    if not given.any():
        return undefined
    _, codes = np.unique(scores[given], return_inverse=True)
    case, _ = np.nonzero(given)
    start = proportional_odds(codes, first[case][:, None].astype(float))
    if np.isnan(start.coefficients[0]):
        return undefined
    kept = given.any(axis=1)
    answers = np.zeros(scores.shape, int)
    answers[given] = codes
    readers = int(scores.shape[1] > 1)
    model = _Laplace(answers[kept], given[kept], first[kept], len(start.thresholds), readers)
    at = np.concatenate([start.thresholds, start.coefficients, np.full(1 + readers, START)])
    for _ in range(OUTER_STEPS):
        value, gradient, curvature = _derivatives(model, at)
        roots, axes = np.linalg.eigh(-curvature)
        # Uphill also where the likelihood is not concave, as near an effect of none.
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(roots), NONE))
        scale = 1.0
        while model(at[None] + scale * step)[0] < value and scale > OUTER_CONVERGED:
            scale /= 2
        at = at + scale * step
        if np.abs(at).max() > ENDLESS:
            return undefined
        if np.abs(scale * step).max() < OUTER_CONVERGED:
            break
    else:
        return undefined
    value, _, curvature = _derivatives(model, at)
    t = len(start.thresholds)
    # An effect that is estimated as none has no say in the error.
    free = np.append(np.ones(t + 1, bool), np.abs(at[t + 1 :]) > NONE)
    covariance = np.linalg.inv(-curvature[np.ix_(free, free)])
    if not covariance[t, t] > 0:
        return undefined
    spread = np.where(free[t + 1 :], np.abs(at[t + 1 :]), 0.0)
    return MixedOdds(
        float(at[t]),
        float(covariance[t, t] ** 0.5),
        at[:t],
        float(spread[1]) if readers else 0.0,
        float(spread[0]),
        value,
    )


@dataclass(frozen=True, slots=True)
class _Laplace:
    """The approximate log likelihood of many parameters at once.

    Parameters are thresholds, log ratio, standard deviation of cases, and that of readers if any.
    """

    answers: Int[np.ndarray, "c r"]
    given: Bool[np.ndarray, "c r"]
    first: Bool[np.ndarray, " c"]
    t: int
    readers: int

    def __call__(self, at: Float[np.ndarray, "b q"]) -> Float[np.ndarray, " b"]:
        ordered = (np.diff(at[:, : self.t]) > 0).all(axis=1)
        value = np.full(len(at), -np.inf)
        if ordered.any():
            value[ordered] = self._integrated(at[ordered])
        return value

    def _integrated(self, at: Float[np.ndarray, "b q"]) -> Float[np.ndarray, " b"]:
        """Return the log of the integral over effects u of readers and v of cases.

        Both in units of their deviation. Newton's method finds the mode of the integrand; the
        curvature in the cases is diagonal, so that only a matrix of readers is inverted.
        """
        b, (c, r) = len(at), self.answers.shape
        infinite = np.full((b, 1), np.inf)
        cuts = np.concatenate([-infinite, at[:, : self.t], infinite], axis=1)
        fixed = at[:, self.t, None, None] * self.first[:, None]
        high, low = cuts[:, self.answers + 1] - fixed, cuts[:, self.answers] - fixed
        of_case = at[:, self.t + 1]
        of_reader = at[:, self.t + 2] if self.readers else np.zeros(b)
        u, v = np.zeros((b, r)), np.zeros((b, c))
        for _ in range(INNER_STEPS):
            effect = of_reader[:, None, None] * u[:, None] + of_case[:, None, None] * v[..., None]
            slope, weight = self._curved(high - effect, low - effect)
            a = of_reader[:, None] * slope.sum(axis=1) - u
            d = of_case[:, None] * slope.sum(axis=2) - v
            own = 1 + of_case[:, None] ** 2 * weight.sum(axis=2)
            both = (of_case * of_reader)[:, None, None] * weight
            matrix = -np.einsum("bcr,bcs->brs", both / own[..., None], both)
            diagonal = 1 + of_reader[:, None] ** 2 * weight.sum(axis=1)
            matrix[:, np.arange(r), np.arange(r)] += diagonal
            right = a - np.einsum("bcr,bc->br", both, d / own)
            du = np.linalg.solve(matrix, right[..., None])[..., 0]
            dv = (d - np.einsum("bcr,br->bc", both, du)) / own
            # Longer steps may leave the region in which the quadratic is any good.
            size = np.maximum(np.abs(du).max(axis=1), np.abs(dv).max(axis=1))
            scale = np.minimum(1.0, 2.0 / np.maximum(size, 1e-300))[:, None]
            u, v = u + scale * du, v + scale * dv
            if size.max() < INNER_CONVERGED:
                break
        effect = of_reader[:, None, None] * u[:, None] + of_case[:, None, None] * v[..., None]
        probability = between(high - effect, low - effect)
        with np.errstate(divide="ignore"):
            log = np.where(self.given, np.log(probability), 0.0).sum(axis=(1, 2))
        penalty = ((u**2).sum(axis=1) + (v**2).sum(axis=1)) / 2
        curvature = np.linalg.slogdet(matrix)[1] + np.log(own).sum(axis=1)
        return np.asarray(log - penalty - curvature / 2)

    def _curved(
        self, high: Float[np.ndarray, "b c r"], low: Float[np.ndarray, "b c r"]
    ) -> tuple[Float[np.ndarray, "b c r"], Float[np.ndarray, "b c r"]]:
        """Return the derivative of each log likelihood by the effect, and minus the second one."""
        above, beneath = expit(high), expit(low)
        # Of a logistic distribution neither needs a division by small probabilities.
        slope = above + beneath - 1
        weight = above * (1 - above) + beneath * (1 - beneath)
        return np.where(self.given, slope, 0.0), np.where(self.given, weight, 0.0)


def _derivatives(
    model: _Laplace, at: Float[np.ndarray, " q"]
) -> tuple[float, Float[np.ndarray, " q"], Float[np.ndarray, "q q"]]:
    """Return value, gradient and curvature by central differences, all points at once."""
    q = len(at)
    i, j = np.triu_indices(q, k=1)
    unit = STEP * np.eye(q)
    points = np.concatenate([
        np.zeros((1, q)), unit, -unit, unit[i] + unit[j], -unit[i] - unit[j],
        unit[i] - unit[j], unit[j] - unit[i],
    ])  # fmt: skip
    value = model(at + points)
    up, down = value[1 : q + 1], value[q + 1 : 2 * q + 1]
    corners = value[2 * q + 1 :].reshape(4, -1)
    curvature = np.diag((up + down - 2 * value[0]) / STEP**2)
    curvature[i, j] = (corners[0] + corners[1] - corners[2] - corners[3]) / (4 * STEP**2)
    curvature[j, i] = curvature[i, j]
    return float(value[0]), (up - down) / (2 * STEP), curvature
