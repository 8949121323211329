"""How the interval of a coefficient of agreement is made and explained."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from evalsuite.records import Caveat, Scale
from evalsuite.statistics.agreement.kappa import column_kappas, kappa_errors
from evalsuite.statistics.answers import Answers
from evalsuite.statistics.cautions import few_cases, few_readers
from evalsuite.statistics.jackknife import jackknife
from evalsuite.statistics.resample import Over, Statistic, bootstrap
from evalsuite.statistics.result import NAN, Result

NO_WIDTH = 1e-9  # intervals below this are rounding
TOO_FEW_CASES = Caveat(
    "too-few-cases-for-kappa", "Kappa needs at least 2 cases with both answers, but got {n}."
)
MOST_UNDEFINED = Caveat(
    "most-resamples-undefined",
    "There is no interval: undefined in {n:,} of {size:,} resamples.",
)
SOME_UNDEFINED = Caveat(
    "some-resamples-undefined",
    "Undefined in {n:,} of {size:,} resamples, which are left out.",
)
NO_VARIATION = Caveat(
    "equal-answers", "All answers compared are equal, so agreement cannot be told from chance."
)
NO_INTERVAL = Caveat(
    "no-interval-of-agreement",
    "There is no interval: the coefficient is at the end of its range, or its standard error is "
    "estimated as zero.",
)


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made.

    Args:
        replicates: of the bootstrap.
        level: nominal coverage, between 0 and 1.
        seed: of the bootstrap.
    """

    replicates: int = 2000
    level: float = 0.95
    seed: int = 0

    def undefined(
        self, reason: Caveat, readers: int, cases: int, interval: str = "bootstrap"
    ) -> Result:
        """Return nan with the reason."""
        return Result(
            value=NAN,
            level=self.level,
            interval=interval,
            method="not computed",
            counts={"readers": readers, "cases": cases},
            warnings=(reason,),
        )

    def bootstrapped(
        self,
        statistic: Statistic,
        *,
        cases: int,
        readers: int,
        over: Over,
        compares_readers: bool,
        strata: Int[np.ndarray, " c"],
        skewed: bool = False,
    ) -> list[Result]:
        """Return the statistics with intervals by resampling and reasons to doubt them.

        Args:
            skewed: whether few readers make them so skewed that the jackknife holds better, where
                other readers are spoken of.
        """
        kind, size = "bootstrap", self.replicates
        method = f"Fisher z, Student t, standard error of {size:,} bootstrap draws of {over}"
        if skewed and over == "cases and readers":
            kind, size = "jackknife", cases + readers
            method = "Fisher z, Cochran's quantile, jackknife over readers and over cases"
            resampled = jackknife(
                statistic, cases=cases, readers=readers, strata=strata, level=self.level
            )
        else:
            resampled = bootstrap(
                statistic,
                cases=cases,
                readers=readers,
                over=over,
                interval="fisher t",
                compares_readers=compares_readers,
                strata=strata,
                replicates=size,
                level=self.level,
                seed=self.seed,
            )
        if over != "readers" and strata.any():
            method += ", cases within cohorts"
        if over == "cases" and readers > 1:
            method += "; speaks of these readers only"
        cautions = few_cases(cases) + (few_readers(readers) if over != "cases" else ())
        numbers = zip(
            resampled.value.tolist(),
            resampled.low.tolist(),
            resampled.high.tolist(),
            resampled.standard_error.tolist(),
            resampled.undefined.tolist(),
            strict=True,
        )
        return [
            explained(
                Result(
                    value=value,
                    low=low,
                    high=high,
                    level=self.level,
                    standard_error=error,
                    interval=kind,
                    method=method,
                    counts={"readers": readers, "cases": cases},
                    random=over,
                    warnings=cautions,
                ),
                undefined,
                size,
            )
            for value, low, high, error, undefined in numbers
        ]

    def kappas(
        self, first: Float[np.ndarray, "c p"], second: Float[np.ndarray, "c p"], readers: int
    ) -> list[Result]:
        """Return the quadratic weighted kappa of p pairs of columns, intervals over cases."""
        both = (~np.isnan(first) & ~np.isnan(second)).sum(axis=0)
        values = column_kappas(first, second, np.ones((1, len(first))))[0]
        errors = kappa_errors(first, second)
        kappas = []
        for n, value, error in zip(both.tolist(), values.tolist(), errors.tolist(), strict=True):
            if n < 2:
                reason = TOO_FEW_CASES(n=n)
                kappas.append(self.undefined(reason, readers, n, "delta method"))
                continue
            step = float(stdtrit(n - 1, (1 + self.level) / 2)) * error
            low, high = NAN, NAN
            if abs(value) < 1:
                ends = np.arctanh(value) + np.array([-1, 1]) * step / (1 - value**2)
                low, high = np.tanh(ends).tolist()
            kappa = Result(
                value=value,
                low=low,
                high=high,
                level=self.level,
                standard_error=error,
                interval="delta method",
                method="Fisher z, Student t, delta method over cases",
                counts={"readers": readers, "cases": n},
                random="cases",
                warnings=few_cases(n),
            )
            kappas.append(explained(kappa))
        return kappas


def kappa_name(scale: Scale) -> tuple[str, str]:
    """Return what the quadratic weighted kappa of two columns is called, and its reference."""
    if scale == "interval":
        return "Lin concordance", "Lin 1989"
    if scale == "nominal":
        return "Cohen kappa", "Cohen 1960"
    return "quadratic weighted kappa", "Cohen 1968"


def has_quadratic_kappa(answers: Answers) -> bool:
    """Tell whether squared differences of answers mean anything: in order, or of two options."""
    return answers.scale != "nominal" or answers.points == 2


def named(
    result: Result,
    quantity: str,
    question: str,
    reader: str,
    *,
    answers: int,
    method: str,
    reference: str,
    warnings: tuple[Caveat, ...] = (),
) -> Result:
    """Return a coefficient as a row, the method and the warnings of its interval behind its own."""
    return replace(
        result,
        quantity=quantity,
        where={"question": question, "reader": reader},
        counts={**result.counts, "answers": answers},
        method=f"{method}; {result.method}",
        reference=reference,
        warnings=(*warnings, *result.warnings),
    )


def transformed(
    result: Result, monotone: Callable[[Float[np.ndarray, "3"]], Float[np.ndarray, "3"]]
) -> Result:
    """Return an increasing function of a value with its interval, without an error."""
    value, low, high = monotone(np.array([result.value, result.low, result.high])).tolist()
    return replace(result, value=value, low=low, high=high, standard_error=NAN)


def explained(result: Result, undefined: int = 0, replicates: int = 0) -> Result:
    """Return the same with a sentence for every nan, and without an interval of no width.

    Args:
        undefined, replicates: resamples in which it is undefined, and all of them.
    """
    if not result.defined:
        return replace(result, low=NAN, high=NAN, standard_error=NAN, warnings=(NO_VARIATION,))
    notes: tuple[Caveat, ...] = ()
    of = {"n": undefined, "size": replicates}
    if not result.bounded and undefined > replicates / 2:
        notes = (MOST_UNDEFINED(**of),)
    elif not result.high - result.low > NO_WIDTH:
        return replace(result, low=NAN, high=NAN, warnings=(NO_INTERVAL,))
    elif undefined:
        notes = (SOME_UNDEFINED(**of),)
    return replace(result, warnings=(*notes, *result.warnings))
