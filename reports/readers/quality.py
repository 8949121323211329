"""The quality of the data in one box: what is missing, repeated, careless, and how it was read."""

import numpy as np
import pandas as pd

from evalsuite.caveats import enumerated
from evalsuite.statistics.behaviour import first_readings
from evalsuite.statistics.careless import NOT_JUDGED, raised, told
from reports.document import Table
from reports.readers.flow import answers_wanted, not_done
from reports.readers.results import StudyResults
from reports.readers.shown import counted
from reports.sources import StudyData

UNTOLD = "not recorded"
TRUE = ("true", "1", "1.0")  # of a table that was read from a file


def quality(results: StudyResults) -> Table:
    """Return a row for each kind of thing that may be wrong with the answers of a study."""
    study = results.study
    first = first_readings(study.table)
    answered = {
        "missing answers": _missing(study),
        "readings that did not take place": _not_done(study),
        "changed answers": _changed(study),
        "hidden repeats": _repeats(first),
        "careless reading": _careless(results),
        "active time on a case": _times(first),
        "viewer": _of(first, "viewer"),
        "browser window": _of(first, "screen"),
        "screens too small": _small(first),
    }
    frame = pd.DataFrame(
        {"quality of the data": what, "found": found} for what, found in answered.items()
    )
    return Table("quality", "What the answers can be trusted with.", frame)


def small_screens(study: StudyData) -> str:
    """Return a sentence on readings on a screen that was too small; nothing without any."""
    first = first_readings(study.table)
    small = _flags(first)
    if small is None or not small.any():
        return ""
    who = enumerated(list(dict.fromkeys(first.loc[small.index[small == 1], "reader"])))
    return (
        f"{int(small.sum())} of {counted(len(small), 'reading')} took place on a screen too small for "
        f"the images ({who}): faults of a few voxels may have been missed."
    )


def _missing(study: StudyData) -> str:
    wanted = answers_wanted(study)
    lost = wanted[~wanted["given"]]
    if lost.empty:
        return f"none of {len(wanted)}"
    by_question = lost["question"].value_counts(sort=False)
    parts = [f"{n} to “{study.texts[str(name)]}”" for name, n in by_question.items()]
    by_reader = lost["reader"].astype(str).value_counts(sort=False)
    of_whom = [f"{n} of {name}" for name, n in by_reader.items()]
    share = len(lost) / len(wanted)
    return f"{len(lost)} of {len(wanted)} ({share:.1%}): {enumerated(parts)}; {enumerated(of_whom)}"


def _not_done(study: StudyData) -> str:
    first, again = not_done(study)
    return f"{first + again}, {again} of them of hidden repeats" if again else f"{first}"


def _changed(study: StudyData) -> str:
    read = study.table[study.table["phase"] == "reading"]
    readings = read.groupby(["reader", "position"])["revision"].max()
    changed = int((readings.astype(int) > 0).sum())
    return f"in {changed} of {counted(len(readings), 'reading')}"


def _repeats(first: pd.DataFrame) -> str:
    repeats = first[first["repeat_of"].notna()]
    if repeats.empty:
        return "none"
    each = repeats["reader"].value_counts(sort=False)
    return f"{len(repeats)}: {enumerated([f'{n} of {name}' for name, n in each.items()])}"


def _careless(results: StudyResults) -> str:
    signs = raised(results.careless)
    unjudged = sum(sign.where["sign"] == NOT_JUDGED for sign in results.careless)
    judged = len(results.careless) - unjudged
    found = "; ".join(map(told, signs)) or f"no sign of {judged} that could be judged"
    return found + (f"; {unjudged} could not be judged" if unjudged else "")


def _times(first: pd.DataFrame) -> str:
    seconds = first["active_seconds"].dropna()
    if seconds.empty:
        return UNTOLD
    low, middle, high = np.quantile(seconds, [0.1, 0.5, 0.9])
    return (
        f"median {middle:.3g} s, tenth to ninetieth percentile {low:.3g} to {high:.3g} s, shortest "
        f"{seconds.min():.3g} s{_recorded(len(seconds), len(first))}"
    )


def _of(first: pd.DataFrame, column: str) -> str:
    """Return the values of a column with the number of readings of each."""
    known = first[column].dropna() if column in first else pd.Series(dtype=object)
    if known.empty:
        return UNTOLD
    counts = known.astype(str).value_counts()
    parts = [f"{name} in {counted(n, 'reading')}" for name, n in counts.items()]
    return enumerated(parts) + _recorded(len(known), len(first))


def _small(first: pd.DataFrame) -> str:
    small = _flags(first)
    if small is None:
        return UNTOLD
    by_reader = small.groupby(first.loc[small.index, "reader"]).sum()
    parts = [f"{int(n)} of {name}" for name, n in by_reader.items() if n]
    of_whom = f": {enumerated(parts)}" if parts else ""
    told_of = f"{int(small.sum())} of {counted(len(small), 'reading')}{of_whom}"
    return told_of + _recorded(len(small), len(first))


def _flags(first: pd.DataFrame) -> "pd.Series[int] | None":
    """Return 1 for each reading on a screen too small, 0 for others; None where it is not told."""
    if "small_screen" not in first:
        return None
    known = first["small_screen"].dropna()
    return known.astype(str).str.lower().isin(TRUE).astype(int) if len(known) else None


def _recorded(known: int, everything: int) -> str:
    return "" if known == everything else f" (recorded of {known} of {everything} readings)"
