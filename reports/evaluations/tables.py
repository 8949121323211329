"""The numbers of an evaluation as tables: side by side, and in full."""

import math
from collections.abc import Sequence

import pandas as pd

from evalsuite.caveats import Notes, keys
from evalsuite.records import Difference, Estimate
from reports.document import Table
from reports.evaluations.comparison import Comparison
from reports.formats.cells import cell
from reports.glossary import meaning, measured_on, title

ABREAST = 4  # synthetic cohorts that fit beside each other on A4
GOOD = {
    "lower is better": "low",
    "higher is better": "high",
    "nearer the reference is better": "as within real",
}


def side_by_side(
    estimates: Sequence[Estimate], comparison: Comparison, notes: Notes
) -> list[pd.DataFrame]:
    """Return tables with a row per number and features and a column per synthetic cohort.

    A cell holds value, interval and the numbers of its caveats; as many tables as it takes for
    `ABREAST` cohorts each.
    """
    measures = list(dict.fromkeys((e.key, e.extractor) for e in estimates))
    by_key = {(e.key, e.extractor, e.synthetic): e for e in estimates}
    heads = {
        c.name: f"{c.name} {notes.marks(keys(c.warnings))}".strip()
        for c in comparison.evaluation.synthetic
    }
    measured = {e.synthetic for e in estimates}
    shown = [name for name in comparison.cohorts if name in measured]
    tables = []
    for start in range(0, len(shown), ABREAST):
        names = shown[start : start + ABREAST]
        rows = []
        for name, extractor in measures:
            by_cohort = {
                n: by_key[name, extractor, n] for n in names if (name, extractor, n) in by_key
            }
            if not by_cohort:
                continue
            some = next(iter(by_cohort.values()))
            cells = {heads[n]: _told(by_cohort.get(n), notes) for n in names}
            rows.append(
                {
                    "number": title(some),
                    "on": measured_on(some),
                    **cells,
                    "within real": _references(list(by_cohort.values())),
                    "good is": GOOD[some.direction],
                }
            )
        tables.append(pd.DataFrame(rows))
    return tables


def in_full(estimates: Sequence[Estimate], notes: Notes) -> pd.DataFrame:
    """Return one row per estimate with its numbers as numbers."""
    return pd.DataFrame(
        {
            "cohort": e.synthetic,
            "number": title(e),
            "on": measured_on(e),
            **({"group": e.group} if e.group else {}),
            "estimate": e.value,
            "low": e.interval.low if e.interval else math.nan,
            "high": e.interval.high if e.interval else math.nan,
            "standard error": math.nan if e.standard_error is None else e.standard_error,
            "within real": math.nan if e.reference is None else e.reference,
            "good is": GOOD[e.direction],
            "n real": e.n_real,
            "n synthetic": e.n_synthetic,
            "notes": notes.marks(keys(e.warnings)),
        }
        for e in estimates
    )


def full_table(
    name: str, caption: str, estimates: Sequence[Estimate], notes: Notes, *, folded: bool = True
) -> Table:
    """Return the table of all numbers; on the page it is as narrow as it can be.

    Args:
        name, caption: of the table.
        estimates: one per row; those of a cohort stand together.
        notes: to which the last column points.
        folded: whether it is opened on demand.
    """
    order = list(dict.fromkeys(e.synthetic for e in estimates))
    ordered = sorted(estimates, key=lambda e: order.index(e.synthetic))
    data = in_full(ordered, notes)
    ends = [
        f"{cell(low)} to {cell(high)}" if math.isfinite(low) and math.isfinite(high) else None
        for low, high in zip(data["low"], data["high"], strict=True)
    ]
    page = data.assign(low=pd.Series(ends, data.index, dtype=object)).rename(
        columns={"low": "interval"}
    )
    empty = [c for c in page if page[c].isna().all() or (page[c] == "").all()]
    page = page.drop(columns=[*(c for c in empty if c != "estimate"), "high", "good is"],
                     errors="ignore")  # fmt: skip
    return Table(name, caption, page, methods(ordered), folded, group="cohort", data=data)


def meanings(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Return one plain sentence on each number that occurs, without its plane."""
    quantities = [meaning(estimate) for estimate in estimates]
    return tuple({q.name: f"{q.title}: {q.sentence}" for q in quantities}.values())


def methods(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Return how each number and its interval were made, in the words of the record."""
    sentences: dict[str, str] = {}
    for estimate in estimates:
        interval = f" Interval: {estimate.interval.method}." if estimate.interval else ""
        text = f"{title(estimate)} ({measured_on(estimate)}): {estimate.method}"
        sentences.setdefault(f"{estimate.key} {estimate.extractor}", text + interval)
    return tuple(sentences.values())


def _told(estimate: Estimate | None, notes: Notes) -> str:
    """Return value, interval and caveats as one cell."""
    if estimate is None:
        return cell(None)
    if not math.isfinite(estimate.value):
        return f"undefined {notes.marks(keys(estimate.warnings))}".strip()
    return f"{number(estimate)} {notes.marks(keys(estimate.warnings))}".strip()


def number(estimate: Estimate | Difference) -> str:
    """Return the value with its interval, where there is one."""
    interval = estimate.interval
    if interval is None or not math.isfinite(interval.low) or not math.isfinite(interval.high):
        return cell(estimate.value)
    return f"{cell(estimate.value)} ({cell(interval.low)} to {cell(interval.high)})"


def _references(estimates: Sequence[Estimate]) -> str:
    """Return the yardstick, or its range where it is another for another cohort."""
    known = [e.reference for e in estimates if e.reference is not None]
    values = [cell(value) for value in sorted(known) if math.isfinite(value)]
    if not values:
        return cell(None)
    return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
