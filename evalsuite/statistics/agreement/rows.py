"""One row of a table of agreement, and how its interval is made and explained."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import stdtrit

from evalsuite.records import Scale
from evalsuite.statistics.agreement.kappa import column_kappas, kappa_errors
from evalsuite.statistics.answers import Answers
from evalsuite.statistics.resample import Over, Statistic, bootstrap

FEWEST_READERS_TO_DRAW = 3
FEW_READERS, FEW_CASES = 6, 20
NO_WIDTH = 1e-9  # intervals below this are rounding
NO_VARIATION = "All answers compared are equal, so agreement cannot be told from chance."
NO_INTERVAL = (
    "There is no interval: the coefficient is at the end of its range, or its standard error is "
    "estimated as zero."
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row of a table of agreement.

    Args:
        question: its name.
        coefficient: its name.
        readers: whom it is about: `all`, one reader, or two, joined by ` and `.
        value: 1 is perfect agreement unless `method` says otherwise; nan where it is undefined,
            and then `warnings` says why.
        low, high: ends of the interval; nan where there is none, and then `warnings` says why.
        level: nominal coverage of the interval.
        standard_error: of `value`; nan where the interval needs none.
        interval: `bootstrap`, `delta method`, `F distribution`, `Wilson`,
            `Clopper-Pearson` or `chi-square`.
        n_readers, n_cases, n_answers: what went in.
        random: what the interval takes as a random sample, `cases`, `readers`, or `cases and
            readers`; empty where there is no interval.
        method: variant of the coefficient, and of the interval.
        reference: where the coefficient was published.
        warnings: sentences; empty if there is nothing to say.
    """

    question: str
    coefficient: str
    readers: str
    value: float
    low: float
    high: float
    level: float
    standard_error: float
    interval: str
    n_readers: int
    n_cases: int
    n_answers: int
    random: str
    method: str
    reference: str
    warnings: str


def tabulated(rows: Iterable[Agreement]) -> pd.DataFrame:
    """Return a table with one row each; the columns are there without any row."""
    names = [field.name for field in fields(Agreement)]
    return pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its interval, before it is named; the fields are those of `Agreement`."""

    value: float
    low: float
    high: float
    level: float
    standard_error: float
    interval: str
    method: str
    n_readers: int
    n_cases: int
    random: Over | Literal[""]
    warnings: tuple[str, ...] = ()

    def transformed(
        self, monotone: Callable[[Float[np.ndarray, "3"]], Float[np.ndarray, "3"]]
    ) -> "Measured":
        """Return an increasing function of the value with its interval, without an error."""
        value, low, high = monotone(np.array([self.value, self.low, self.high])).tolist()
        return replace(self, value=value, low=low, high=high, standard_error=float("nan"))

    def row(
        self,
        question: str,
        coefficient: str,
        readers: str,
        *,
        n_answers: int,
        method: str,
        reference: str,
        warnings: tuple[str, ...] = (),
    ) -> Agreement:
        """Return the row, its warnings after those given."""
        return Agreement(
            question=question,
            coefficient=coefficient,
            readers=readers,
            value=self.value,
            low=self.low,
            high=self.high,
            level=self.level,
            standard_error=self.standard_error,
            interval=self.interval,
            n_readers=self.n_readers,
            n_cases=self.n_cases,
            n_answers=n_answers,
            random=self.random,
            method=f"{method}; {self.method}",
            reference=reference,
            warnings=" ".join((*warnings, *self.warnings)),
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
        self, reason: str, n_readers: int, n_cases: int, interval: str = "bootstrap"
    ) -> Measured:
        """Return nan with the reason."""
        nan = float("nan")
        return Measured(
            nan, nan, nan, self.level, nan, interval, "not computed", n_readers, n_cases, "",
            (reason,),
        )  # fmt: skip

    def measured(
        self,
        statistic: Statistic,
        *,
        cases: int,
        readers: int,
        over: Over,
        compares_readers: bool,
        strata: Int[np.ndarray, " c"],
    ) -> list[Measured]:
        """Return the statistics with bootstrap intervals and reasons to doubt them."""
        found = bootstrap(
            statistic,
            cases=cases,
            readers=readers,
            over=over,
            interval="fisher t",
            compares_readers=compares_readers,
            strata=strata,
            replicates=self.replicates,
            level=self.level,
            seed=self.seed,
        )
        method = (
            f"Fisher z, Student t, standard error of {self.replicates:,} bootstrap draws of {over}"
        )
        if over != "readers" and strata.any():
            method += ", cases within cohorts"
        if over == "cases" and readers > 1:
            method += "; speaks of these readers only"
        cautions = few_cases(cases)
        if over != "cases" and readers < FEW_READERS:
            cautions += (f"Only {readers} readers: the interval says little about other readers.",)
        return [
            _explained(
                Measured(
                    float(found.value[s]), float(found.low[s]), float(found.high[s]), self.level,
                    float(found.standard_error[s]), "bootstrap", method, readers, cases, over,
                    cautions,
                ),
                int(found.undefined[s]),
                self.replicates,
            )
            for s in range(len(found.value))
        ]  # fmt: skip

    def exact(
        self, value: float, low: float, high: float, shape: tuple[int, int], random: Over
    ) -> Measured:
        """Return an intraclass correlation of `shape` cases and readers with its F interval."""
        n, k = shape
        return _explained(
            Measured(
                value, low, high, self.level, float("nan"), "F distribution",
                "F distribution of normal ratings", k, n, random, few_cases(n),
            )
        )  # fmt: skip

    def kappas(
        self, first: Float[np.ndarray, "c p"], second: Float[np.ndarray, "c p"], n_readers: int
    ) -> list[Measured]:
        """Return the quadratic weighted kappa of p pairs of columns, intervals over cases."""
        both = (~np.isnan(first) & ~np.isnan(second)).sum(axis=0)
        values = column_kappas(first, second, np.ones((1, len(first))))[0]
        errors = kappa_errors(first, second)
        found = []
        for n, value, error in zip(both.tolist(), values.tolist(), errors.tolist(), strict=True):
            if n < 2:
                reason = f"Kappa needs at least 2 cases with both answers, but got {n}."
                found.append(self.undefined(reason, n_readers, n, "delta method"))
                continue
            step = float(stdtrit(n - 1, (1 + self.level) / 2)) * error
            low, high = np.nan, np.nan
            if abs(value) < 1:
                ends = np.arctanh(value) + np.array([-1, 1]) * step / (1 - value**2)
                low, high = np.tanh(ends).tolist()
            found.append(
                _explained(
                    Measured(
                        value, low, high, self.level, error, "delta method",
                        "Fisher z, Student t, delta method over cases", n_readers, n, "cases",
                        few_cases(n),
                    )
                )
            )  # fmt: skip
        return found


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


def few_cases(cases: int) -> tuple[str, ...]:
    """Return a caution where there are few cases."""
    noun = "case" if cases == 1 else "cases"
    return (f"Only {cases} {noun}: the interval is rough.",) if cases < FEW_CASES else ()


def _explained(found: Measured, undefined: int = 0, replicates: int = 0) -> Measured:
    """Return the same with a sentence for every nan, and without an interval of no width."""
    nan = float("nan")
    if np.isnan(found.value):
        return replace(found, low=nan, high=nan, standard_error=nan, warnings=(NO_VARIATION,))
    notes: tuple[str, ...] = ()
    if np.isnan(found.low) and undefined > replicates / 2:
        notes = (f"There is no interval: undefined in {undefined:,} of {replicates:,} resamples.",)
    elif not found.high - found.low > NO_WIDTH:
        return replace(found, low=nan, high=nan, warnings=(NO_INTERVAL,))
    elif undefined:
        notes = (f"Undefined in {undefined:,} of {replicates:,} resamples, which are left out.",)
    return replace(found, warnings=(*notes, *found.warnings))
