"""Estimates over readers and cases that are both samples, and how sure they are.

Every case is read by several readers, so that answers to one case and answers of one reader go
together. The variance of an estimate has a part that more readers would lessen and one that more
cases would lessen; both are estimated here, for complete and for incomplete readings.

Readers who happen to lie close together are no certainty. With two or three of them the part of
the readers is often estimated as nearly nothing, and for answers on a scale of few options as
exactly nothing. What is said of other readers is therefore never surer than what is said of these
readers alone, whose variance the cases tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import expit, gammaln, logit, stdtr, stdtrit

from evalsuite.statistics.result import NAN

ROUNDING = 1e-9  # numbers below this share of the largest one are rounding, not spread
LEAST_TAIL = 1e-50  # p-values below are told as this


@dataclass(frozen=True, slots=True)
class Crossed:
    """An estimate and the two parts of its variance.

    Args:
        value: the estimate; nan where it is undefined.
        from_readers, from_cases: parts of its variance due to the choice of either; nan where
            they cannot be estimated. `from_readers` is 0 for one reader, for whom alone the
            estimate then speaks.
        df_readers, df_cases: degrees of freedom of these parts.
        alone: variance of the estimate for these readers alone, with the freedom of the cases.
        least_p: the smallest two-sided p-value that the number of cases allows, whatever the
            answers; see `least_p_of_order`.
        hillis: whether Student's t has the degrees of freedom of Hillis; see `half_width`.
    """

    value: float
    from_readers: float
    from_cases: float
    df_readers: float
    df_cases: float
    alone: float = 0.0
    least_p: float = 0.0
    hillis: bool = False

    @property
    def variance(self) -> float:
        """Squared standard error."""
        return self.from_readers + self.from_cases

    @property
    def varies(self) -> bool:
        """Whether there is anything to make an interval from."""
        return self.variance >= 0 and max(self.variance, self.alone) > 0

    def half_width(self, level: float) -> float:
        """Return half the width of the interval of that coverage.

        It is nan if nothing varies, or where the cases are too few for that coverage (`least_p`).

        The quantile of Student's t is the mean of those of both degrees of freedom, weighted by
        the parts of the variance, as in `evalsuite.study.protocol.power`. Against Satterthwaite's degrees
        of freedom and those of Hillis it costs nothing with ten readers; with two or three it
        covers 93 to 98 % where those cover 87 to 94 % (benchmarks/coverage.py). The interval is no
        shorter than that for these readers alone: both hypotheses must be rejected to reject that
        of other readers (an intersection-union test).

        References:
            Cochran, Biometrics 20 (1964) 191-195. Berger, Technometrics 24 (1982) 295-300.
        """
        tail = (1 - level) / 2
        if not self.varies or 2 * tail < self.least_p:
            return NAN
        return max(
            self._quantile(tail) * float(self.variance**0.5) if self.variance > 0 else 0.0,
            _t(tail, self.df_cases) * float(self.alone**0.5) if self.alone > 0 else 0.0,
        )

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the symmetric interval of that coverage."""
        half = self.half_width(level)
        return self.value - half, self.value + half

    def upper_tail(self, null: float = 0) -> float:
        """Return the one-sided p-value of a value that is no larger than `null`."""
        if not self.varies:
            return NAN
        away = abs(self.value - null)
        of_these = float(stdtr(self.df_cases, -away / self.alone**0.5)) if self.alone > 0 else 0.0
        tail = min(0.5, max(self._tail(away), of_these, self.least_p / 2))
        return tail if self.value > null else 1 - tail

    def _tail(self, away: float) -> float:
        """Return the probability of an estimate so far above the truth, for other readers."""
        if self.variance == 0:
            return 0.0
        t = away / self.variance**0.5
        if self.hillis:
            return float(stdtr(self._hillis_df, -t))
        if self.from_readers == 0 or self.from_cases == 0:
            df = self.df_cases if self.from_readers == 0 else self.df_readers
            return float(stdtr(df, -t))
        if t >= self._quantile(LEAST_TAIL):
            return LEAST_TAIL
        log_tail = brentq(
            lambda log_tail: self._quantile(np.exp(log_tail)) - t,
            np.log(LEAST_TAIL),
            np.log(0.5),
        )
        return float(np.exp(log_tail))

    def p_value(self, null: float = 0) -> float:
        """Return the two-sided p-value; below 1 - c where an interval of coverage c omits `null`.

        It is nan where nothing varies.
        """
        tail = self.upper_tail(null)
        return NAN if np.isnan(tail) else min(1.0, 2 * min(tail, 1 - tail))

    def on_logit(self) -> "Crossed":
        """Return the log odds of a share or probability, by the delta method; nan at 0 and 1."""
        if not 0 < self.value < 1:
            return Crossed(NAN, NAN, NAN, self.df_readers, self.df_cases)
        slope = 1 / (self.value * (1 - self.value))
        return replace(
            self,
            value=float(logit(self.value)),
            from_readers=self.from_readers * slope**2,
            from_cases=self.from_cases * slope**2,
            alone=self.alone * slope**2,
        )

    def probability_interval(self, level: float) -> tuple[float, float]:
        """Return an interval of a probability made on the scale of its log odds."""
        low, high = expit(self.on_logit().interval(level)).tolist()
        return low, high

    def share_interval(self, level: float, n_cases: int) -> tuple[float, float]:
        """Return an interval of a share of answers, within [0, 1].

        Of several readers it is that of the log odds; of one reader, and of several whose answers
        show no variation to estimate from, it is Wilson's for as many answers as cases.

        References:
            Wilson, JASA 22 (1927) 209-212.
        """
        if self.from_readers > 0 and 0 < self.value < 1:
            return self.probability_interval(level)
        if np.isnan(self.value) or n_cases == 0:
            return NAN, NAN
        z = _t((1 - level) / 2, np.inf)
        spread = z**2 / n_cases
        centre = (self.value + spread / 2) / (1 + spread)
        binomial = self.value * (1 - self.value)
        half = z * ((binomial + spread / 4) / n_cases) ** 0.5 / (1 + spread)
        return max(0.0, centre - half), min(1.0, centre + half)

    @property
    def _hillis_df(self) -> float:
        share = self.from_readers / self.variance
        return self.df_readers / share**2 if share > 0 else np.inf

    def _quantile(self, tail: float) -> float:
        if self.hillis:
            return _t(tail, self._hillis_df)
        weighted = 0.0
        if self.from_readers > 0:
            weighted += self.from_readers * _t(tail, self.df_readers)
        if self.from_cases > 0:
            weighted += self.from_cases * _t(tail, self.df_cases)
        return weighted / self.variance


def _t(tail: float, df: float) -> float:
    return -float(stdtrit(df, tail))


UNDEFINED = Crossed(NAN, NAN, NAN, NAN, NAN)


def standard_error(estimate: Crossed) -> float:
    """Return the standard error; that for these readers alone where readers do not vary at all."""
    return float((estimate.variance or estimate.alone) ** 0.5) if estimate.varies else NAN


def over_readers(
    values: Float[np.ndarray, " r"], parts: Sequence[Float[np.ndarray, "c r"]]
) -> Crossed:
    """Return the mean of what the readers found, for other readers and other cases.

    With s2 the variance of the values of r readers, and C the mean covariance of the values of
    two readers, which comes from their common cases, s2 / r + C estimates the variance of the mean
    without bias for any pattern of missing answers: E[s2] is the mean variance of one reader's
    value less C. Of complete readings of c cases it is (MS_reader + MS_case - MS_rest) / (r c). A
    negative estimate of C is taken as 0. For these readers alone the variance is v / r + C (r - 1) / r,
    with v the mean variance of one reader's value over cases.

    Args:
        values: one per reader, each a sum of means over the cases read; all finite.
        parts: for each sample of cases (one cohort, or both of a comparison), what each case adds
            to each reader's value, whose part is their mean; nan where there is no answer.

    References:
        Obuchowski and Rockette, Communications in Statistics 24 (1995) 285-308, for one modality;
        DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), for the covariance. Cases nested
        within cohorts: Hillis, Statistics in Medicine 33 (2014) 330-360.
    """
    r = len(values)
    value = float(values.mean()) if r else NAN
    if r == 1:
        squared, df = 0.0, 0.0
        for part in parts:
            given = part[~np.isnan(part)]
            if len(given) < 2:
                return Crossed(value, NAN, NAN, NAN, NAN)
            variance = float(given.var(ddof=1)) / len(given)
            variance = _beyond_rounding(variance, parts)
            squared += variance
            df += variance**2 / (len(given) - 1)
        return Crossed(value, 0.0, squared, NAN, squared**2 / df if df > 0 else NAN)
    sizes = [int((~np.isnan(part)).any(axis=1).sum()) for part in parts]
    if r == 0 or min(sizes, default=0) < 2:
        return Crossed(value, NAN, NAN, NAN, NAN)
    shared = _beyond_rounding(sum(_covariance(part) for part in parts), parts)
    of_one = _beyond_rounding(sum(_own_variance(part) for part in parts), parts)
    of_readers = _beyond_rounding(float(values.var(ddof=1)) / r, [values, *parts])
    df_cases = float(sum(sizes) - len(sizes))
    alone = of_one / r + shared * (r - 1) / r
    return Crossed(value, of_readers, shared, r - 1.0, df_cases, alone)


def over_figures(
    values: Float[np.ndarray, " r"],
    covariance: Float[np.ndarray, "r r"],
    df_cases: float,
    least_p: float = 0.0,
) -> Crossed:
    """Return the mean of figures of readers whose covariance over cases is known.

    The degrees of freedom are those of Hillis, as is usual for such figures; of two readers, for
    whom intervals with them cover 90 %, the quantile is Cochran's. With 3 to 6 readers and 12 to 20
    cases of a kind, 95 % intervals of log odds covered 94 to 98 %, with 2 readers 96 to 99 %.

    Args:
        values: at least one.
        covariance: of the values when cases are drawn anew.
        df_cases: its degrees of freedom.
        least_p: see `Crossed`.

    References:
        Obuchowski and Rockette, Communications in Statistics 24 (1995) 285-308, for one modality.
        Hillis, Statistics in Medicine 26 (2007) 596-619. Cochran, Biometrics 20 (1964) 191-195.
    """
    r = len(values)
    value, of_one = float(values.mean()), float(np.diag(covariance).mean())
    if r == 1:
        return Crossed(value, 0.0, _beyond_rounding(of_one, [values]), NAN, df_cases, 0.0, least_p)
    shared = float(covariance[~np.eye(r, dtype=bool)].mean())
    shared = _beyond_rounding(shared, [values])
    of_readers = _beyond_rounding(float(values.var(ddof=1)) / r, [values])
    alone = _beyond_rounding(of_one / r + shared * (r - 1) / r, [values])
    return Crossed(value, of_readers, shared, r - 1.0, df_cases, alone, least_p, hillis=r > 2)


def least_p_of_order(*sizes: int) -> float:
    """Return the smallest two-sided p-value of any test of whether the order of cases matters.

    If groups of those sizes come from one population, all ways to form them from the same cases
    are equally likely, so that no outcome is rarer than one in their number on either side.
    """
    log_ways = gammaln(sum(sizes) + 1) - sum(gammaln(size + 1) for size in sizes)
    return min(1.0, 2 * float(np.exp(-log_ways)))


def _beyond_rounding(variance: float, numbers: Sequence[Float[np.ndarray, "..."]]) -> float:
    """Return 0 for a negative variance, and for one that the rounding of the numbers makes."""
    if np.isnan(variance):
        return NAN
    largest = max((float(np.nanmax(np.abs(part), initial=0)) for part in numbers), default=0.0)
    return variance if variance > (ROUNDING * largest) ** 2 else 0.0


def _own_variance(part: Float[np.ndarray, "c r"]) -> float:
    """Return the variance of one reader's mean from the cases read, averaged over readers."""
    given = part[:, (~np.isnan(part)).sum(axis=0) > 1]
    if not given.size:
        return 0.0
    return float((np.nanvar(given, axis=0, ddof=1) / (~np.isnan(given)).sum(axis=0)).mean())


def _covariance(part: Float[np.ndarray, "c r"]) -> float:
    """Return the covariance of two readers' means, averaged over the pairs of readers.

    The covariance of two answers to one case is pooled over the pairs, each with the cases that
    both answered.
    """
    given = ~np.isnan(part)
    with_answers = given.any(axis=0)
    part, given = part[:, with_answers], given[:, with_answers].astype(float)
    r = part.shape[1]
    centred = np.where(given > 0, part - np.nansum(part) / given.sum(), 0.0)
    common = given.T @ given
    sums = centred.T @ given
    with np.errstate(invalid="ignore", divide="ignore"):
        products = centred.T @ centred - sums * sums.T / common
    pairs = ~np.eye(r, dtype=bool) & (common > 1)
    if not pairs.any():
        return 0.0
    covariance = products[pairs].sum() / (common[pairs] - 1).sum()
    counts = np.diag(common)
    overlap = (common / np.outer(counts, counts))[~np.eye(r, dtype=bool)].mean()
    return float(covariance * overlap)


def pooled(value: float, influence: Float[np.ndarray, "c r"], *, parameters: int = 1) -> Crossed:
    """Return an estimate from all answers at once with its variance clustered two ways.

    The variance is that of the sums of influence by reader, and of the products of influence of
    different readers on one case: the sandwich of clusters of readers plus that of clusters of
    cases less that of single answers, with the usual corrections for few clusters.

    Args:
        value: the estimate.
        influence: what each answer contributed to it, summing to zero; nan where there is none.
        parameters: estimated from the cases; they lessen the degrees of freedom.

    References:
        Cameron, Gelbach and Miller, Journal of Business and Economic Statistics 29 (2011) 238-249.
    """
    given = ~np.isnan(influence)
    filled = np.where(given, influence, 0.0)[:, given.any(axis=0)]
    n_cases, r = int(given.any(axis=1).sum()), filled.shape[1]
    df_cases = float(n_cases - parameters)
    if n_cases <= parameters or r == 0:
        return Crossed(value, NAN, NAN, NAN, NAN)
    of_answers = float((filled**2).sum())
    if r == 1:
        return Crossed(value, 0.0, of_answers * n_cases / df_cases, NAN, df_cases)
    of_readers = _beyond_rounding(float((filled.sum(axis=0) ** 2).sum()) * r / (r - 1), [filled])
    of_pairs = max(float((filled.sum(axis=1) ** 2).sum()) - of_answers, 0.0)
    per_case = n_cases / df_cases
    alone = (of_answers + of_pairs) * per_case
    of_cases = of_pairs * per_case * r / (r - 1)
    return Crossed(value, of_readers, of_cases, r - 1.0, df_cases, alone)
