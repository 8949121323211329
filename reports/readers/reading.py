"""How the cases were read, and signs that a reader was careless."""

import math

import pandas as pd

from evalsuite.statistics.behaviour import behaviour, used
from evalsuite.statistics.careless import NOT_JUDGED, RAISED, RULES, raised, told
from evalsuite.statistics.result import Result, tabulated
from reports.document import Block, Notice, Section, Table
from reports.readers.results import StudyResults
from reports.readers.shown import counted, interval
from reports.sources import StudyData

TITLE = "How the cases were read"
NO_PROOF = "A sign is a reason to ask, not a proof."
NOBODY = "Nobody was left out: every number of this report rests on all readers."


def suspected(results: StudyResults) -> list[str]:
    """Return what is to be known of careless reading before anything else; empty for nothing."""
    found = raised(results.careless)
    if not found:
        return []
    readers = counted(len({sign.at("reader") for sign in found}), "reader")
    what = "; ".join(told(sign) for sign in found)
    return [f"Signs of careless reading were found in {readers} ({what}). {_calm(results.study)}"]


def reading(results: StudyResults) -> Section:
    """Return the chapter on what the viewer recorded, reader by reader."""
    return Section("reading", TITLE, (_signs(results),), (_behaviour(results.study),))


def _behaviour(study: StudyData) -> Block:
    results = behaviour(study.table)
    if not any(result.defined for result in results):
        return Notice(("How the cases were read was not recorded.",))
    cells: dict[str, dict[str, str]] = {reader: {"reader": reader} for reader in study.readers}
    for result in results:
        if result.defined:
            cells[result.at("reader")][result.quantity] = _median(result)
    for column in ("viewer", "screen"):
        for reader, what in used(study.table, column).items():
            cells[reader][column] = what
    return Table(
        "behaviour",
        "What the viewer recorded, median over the cases of each reader, of times with the tenth "
        "and the ninetieth percentile; slices seen, and their share of the plane; changes of the "
        "window; and what it was read on (width, height and pixel ratio of the browser's window).",
        pd.DataFrame(list(cells.values())),
        data=tabulated(results),
    )


def _median(result: Result) -> str:
    """Return a median with its percentiles, or with the share of the slices where that is known."""
    if result.quantity == "active seconds":
        return interval(result.value, result.parts["tenth"], result.parts["ninetieth"])
    share = result.parts["share"]
    return f"{result.value:.0f}" + ("" if math.isnan(share) else f" ({share:.0%})")


def _calm(study: StudyData) -> str:
    return NO_PROOF if study.left_out else f"{NO_PROOF} {NOBODY}"


def _signs(computation: StudyResults) -> Table:
    results = computation.careless
    view: dict[str, dict[str, str]] = {}
    for result in results:
        view.setdefault(result.at("reader"), {})[result.quantity] = _cell(result)
    frame = pd.DataFrame(
        {"reader": name, **{rule: cells[rule] for rule in RULES}} for name, cells in view.items()
    )
    caption = (
        f"Signs of careless reading: how many of how many readings, or repeated answers, each rule "
        f"counts. {_calm(computation.study)}"
    )
    return Table("signs", caption, frame, data=tabulated(results))


def _cell(result: Result) -> str:
    if result.where["sign"] == NOT_JUDGED:
        return NOT_JUDGED
    counts = f"{result.counts['found']} of {result.counts['judged']}"
    return f"{counts}: raised" if result.where["sign"] == RAISED else counts
