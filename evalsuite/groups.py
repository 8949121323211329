"""Volumes of both cohorts that share the value of a covariate."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat
from evalsuite.volumes.cohort import Cohort, enumerated

FEW = 10  # volumes below which a group says nothing
MOST = 20  # values of a column beyond which it is no grouping
NO_COLUMN = Caveat(
    "synthetic-without-column",
    'The synthetic cohort has no "{column}": all of its volumes stand against the real ones of '
    "each group.",
)
SMALL = Caveat(
    "small-group",
    "{real} real and {synthetic} synthetic volumes: a group with fewer than "
    f"{FEW} of either says little.",
)
REAL_IN_NONE = Caveat(
    "real-in-no-group", '{n} real volumes have no "{column}" and are in no group.'
)
SYNTHETIC_IN_NONE = Caveat(
    "synthetic-in-no-group",
    '{n} synthetic volumes are in no group: they have no "{column}", or one that no real volume '
    "has.",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Volumes of the real and of the synthetic cohort that are compared.

    Args:
        name: `COLUMN=VALUE`, or empty for all.
        chosen: indices on both sides.
        warnings: why the comparison is doubtful; which group it is, they leave to the estimates.
    """

    name: str
    chosen: tuple[list[int], list[int]]
    warnings: tuple[Caveat, ...] = ()


def by_covariate(real: Cohort, synthetic: Cohort, by: str | None) -> list[Group]:
    """Return all volumes as one group, and one group for each value of a covariate.

    A synthetic cohort without the column stands as a whole against each group of the real one.

    Args:
        by: a column of the cohorts' tables; None for no break-down.

    Raises:
        EvalsuiteError: if the real cohort has no such column, or it has too many values.
    """
    everything = Group("", (list(range(len(real.entries))), list(range(len(synthetic.entries)))))
    if by is None:
        return [everything]
    sides = [[entry.covariates.get(by, "") for entry in c.entries] for c in (real, synthetic)]
    values = sorted(set(sides[0]) - {""})
    _refuse(real, by, values)
    untold = sum(value == "" for value in sides[0])
    outside = sum(value not in values for value in sides[1])
    found = [everything]
    for value in values:
        first, second = [[i for i, own in enumerate(s) if own == value] for s in sides]
        warnings = []
        if not any(sides[1]):
            second = everything.chosen[1]
            warnings.append(NO_COLUMN(column=by))
        if min(len(first), len(second)) < FEW:
            warnings.append(SMALL(real=len(first), synthetic=len(second)))
        if untold:
            warnings.append(REAL_IN_NONE(n=untold, column=by))
        if any(sides[1]) and outside:
            warnings.append(SYNTHETIC_IN_NONE(n=outside, column=by))
        found.append(Group(f"{by}={value}", (first, second), tuple(warnings)))
    return found


def _refuse(real: Cohort, by: str, values: Sequence[str]) -> None:
    """Refuse a column by which volumes cannot be grouped."""
    if not values:
        columns = sorted({name for entry in real.entries for name in entry.covariates})
        known = f"Its columns are {enumerated(columns)}" if columns else "It has no columns"
        raise EvalsuiteError(
            f'{real.source}: the real cohort has no "{by}" to group by. {known}; a table (CSV or '
            "TSV) with a column path and others gives them."
        )
    if len(values) > MOST:
        raise EvalsuiteError(
            f'{real.source}: "{by}" has {len(values)} values, which is more than {MOST} and makes '
            f"no groups. Add a column of bands, such as {by}_band, and group by that."
        )
