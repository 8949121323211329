"""What the metrics say: every estimate of every synthetic cohort beside its yardstick."""

import math
import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from evalsuite.caveats import Notes, enumerated, keys
from evalsuite.records import Estimate, Evaluation, Evidence
from reports.figures.canvas import empty
from reports.figures.cohorts import looks
from reports.figures.drawing import Drawing
from reports.figures.forests import Panel, forest_pages, forests
from reports.glossary import measured_on, title

NOTES = 12  # on a page
NOTE_LENGTH = 320


def estimates(evaluation: Evaluation, evidence: Evidence) -> list[Figure]:  # noqa: ARG001
    """Draw one panel per number and features, as many pages as it takes.

    First all volumes, a row per synthetic cohort; then, where there are groups, a row per group
    and cohort. Caveats are numbered, and stand below each page on which they occur. Numbers that
    are undefined for every cohort and group have no panel and are named on the first page.
    """
    if not evaluation.estimates:
        return [empty("There are no estimates.")]
    notes = Notes.of(evaluation)
    own_looks = looks(evaluation)
    del own_looks[evaluation.real.name]
    whole = [e for e in evaluation.estimates if not e.group]
    grouped = [e for e in evaluation.estimates if e.group]
    portions = [
        page
        for some in (whole, grouped)
        if some
        for page in forest_pages(_rows(some), list(own_looks))
    ]
    missing = _undefined(evaluation.estimates)
    if not portions:
        return [empty("No estimate is defined: results.json says why.")]
    drawn: list[Figure] = []
    for panels, groups in portions:
        shown = [e for row in panels for panel in row for e in panel.estimates]
        foot = [*(_told(missing) if not drawn else []), *_lines(notes, shown)]
        drawn.append(forests(panels, own_looks, notes.marks, groups, foot))
    return drawn


def _rows(estimates: Sequence[Estimate]) -> list[list[Panel]]:
    """Return the panels of each extractor."""
    by_quantity: dict[str, dict[str, list[Estimate]]] = {}
    for estimate in estimates:
        by_quantity.setdefault(estimate.extractor, {}).setdefault(estimate.key, []).append(estimate)
    return [
        [
            Panel(title(estimates_of[0]), measured_on(estimates_of[0]), estimates_of)
            for estimates_of in panels.values()
        ]
        for panels in by_quantity.values()
    ]


def _undefined(estimates: Sequence[Estimate]) -> list[str]:
    """Return the names of what is defined for no cohort and group."""
    named = [(f"{title(e)} ({measured_on(e)})", math.isfinite(e.value)) for e in estimates]
    known = {name for name, finite in named if finite}
    return list(dict.fromkeys(name for name, _ in named if name not in known))


def _told(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    return [f"Undefined, so not drawn: {enumerated(missing)}; results.json says why."]


def _lines(notes: Notes, shown: Sequence[Estimate]) -> list[str]:
    """Return the notes on what is shown, as many as fit below a page."""
    here = {key for estimate in shown for key in keys(estimate.warnings)}
    told = [sentence for key, sentence in notes.sentences(title).items() if key in here]
    lines = [textwrap.shorten(text, NOTE_LENGTH, placeholder=" …") for text in told[:NOTES]]
    if len(told) > NOTES:
        lines.append(f"{len(told) - NOTES} more warnings are in results.json.")
    return lines


FIGURE = Drawing(
    estimates,
    "",
    "Every number with its interval, a panel each; the report draws it anew.",
)
