"""The one row of statistics: a number with its interval, its test, and what it rests on."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import holm_adjusted

NAN = float("nan")
ALL = "all"  # readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One number of a reader study or an experiment with everything needed to judge it.

    Args:
        where: what it is about, by column of the table: `question`, `reader` (`all` for all of
            them together), `cohort`, `first` and `second` of a comparison, `option` ...
        quantity: name of the number, such as `ICC(2,1)`.
        value: nan where it is undefined, and then a warning says why.
        low, high: ends of the interval; nan where there is none, and then a warning says why.
        level: nominal coverage of the interval.
        standard_error: nan where the interval needs none.
        unit: of value and interval; empty where it has none.
        hypothesis: that `p` is of.
        p: two-sided unless `hypothesis` says otherwise; nan without a test.
        p_holm: corrected by Holm's method over those of its `family`; nan where it is in none.
        family: see `multiplicity.FAMILIES`.
        counts: what went in, such as `readers`, `cases`, `answers`.
        parts: numbers that it was made from, by column of the table.
        random: what the interval takes as a random sample: `cases`, `readers`, or `cases and
            readers`; empty where there is no interval.
        interval: kind of the interval where those of one table differ, such as `bootstrap`.
        method: variant of the number and of the interval.
        reference: where these were published, by author and year.
        warnings: reasons not to trust it.
    """

    where: Mapping[str, str | float] = field(default_factory=dict)
    quantity: str = ""
    value: float
    low: float = NAN
    high: float = NAN
    level: float = NAN
    standard_error: float = NAN
    unit: str = ""
    hypothesis: str = ""
    p: float = NAN
    p_holm: float = NAN
    family: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    random: str = ""
    interval: str = ""
    method: str = ""
    reference: str = ""
    warnings: tuple[Caveat, ...] = ()

    @property
    def columns(self) -> dict[str, object]:
        """The row of the table, by column."""
        row: dict[str, object] = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if column.name == "counts":
                row |= {f"n_{what}": count for what, count in value.items()}
            elif column.name == "warnings":
                row["warnings"] = " ".join(map(str, value))
            else:
                row |= value if isinstance(value, Mapping) else {column.name: value}
        return row

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return not math.isnan(self.value)

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    def at(self, column: str) -> str:
        """Return what it is about, as text."""
        return str(self.where[column])


def tabulated(results: Iterable[Result]) -> pd.DataFrame:
    """Return the long table of results, one row each; without any it has the columns of all.

    Columns: those of `where`, the fields of `Result`, `n_` and what is counted, the parts.
    """
    rows = [result.columns for result in results]
    return pd.DataFrame(rows or [Result(value=NAN).columns]).iloc[: len(rows)]


def holm(results: Sequence[Result], family: Callable[[Result], object]) -> list[Result]:
    """Return the results with p-values corrected by Holm's method within each family.

    Args:
        family: what is equal for those corrected together; None for one in no family. Nor is one
            without a p-value in any.
    """
    families = [None if math.isnan(result.p) else family(result) for result in results]
    corrected = list(results)
    for one in dict.fromkeys(name for name in families if name is not None):
        places = [place for place, name in enumerate(families) if name == one]
        adjusted = holm_adjusted(np.array([results[place].p for place in places]))
        for place, p in zip(places, adjusted.tolist(), strict=True):
            corrected[place] = replace(results[place], p_holm=p)
    return corrected
