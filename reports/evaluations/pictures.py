"""The figures that the evaluations drew themselves."""

from pathlib import Path

from reports.document import Block, Image, Picture, Section
from reports.evaluations.comparison import Comparison, Run
from reports.evaluations.glossary import Chapter, meaning

# By name of a run's figure: its chapter, what it shows. `estimates` is drawn anew, for all runs.
FIGURES: dict[str, tuple[Chapter | None, str]] = {
    "cohorts": (
        None,
        (
            "Middle slices of the first volumes of each cohort, in radiological orientation (R: the "
            "patient's right), all on one scale and with one grey window."
        ),
    ),
    "embedding": (
        "distance",
        (
            "Each point is a volume, placed by the two directions in which the features of real "
            "volumes vary most. A cohort that lies apart here differs; one that does not may still "
            "differ in other directions."
        ),
    ),
    "slices": (
        "slices",
        (
            "How slices go together along each axis, the consistency of each volume, and the volumes "
            "in which a slice stands out most."
        ),
    ),
    "privacy": (
        "privacy",
        (
            "How close each synthetic volume is to its closest training volume, and the closest pairs "
            "side by side."
        ),
    ),
}
REDRAWN = "estimates"


def own_figures(comparison: Comparison, chapter: Chapter | None) -> list[Block]:
    """Return the runs' own figures that belong to a chapter."""
    names = [name for name, (own, _) in FIGURES.items() if own == chapter]
    return [
        _embedded(name, path, FIGURES[name][1], comparison, run, place)
        for name in names
        for place, run in enumerate(comparison.runs, 1)
        if (path := run.figures.get(name))
    ]


def other_figures(comparison: Comparison) -> list[Section]:
    """Return a chapter with the figures that belong to no other one."""
    shown = {
        name
        for name, (chapter, _) in FIGURES.items()
        if chapter is None
        or any(meaning(e).chapter == chapter for e in comparison.evaluation.estimates)
    }
    blocks = [
        _embedded(name, path, f"The figure “{name}” of the evaluation.", comparison, run, place)
        for place, run in enumerate(comparison.runs, 1)
        for name, path in run.figures.items()
        if name not in shown and name != REDRAWN
    ]
    title = "Other figures of the evaluation"
    return [Section("evaluation-figures", title, tuple(blocks))] if blocks else []


def _embedded(
    name: str, path: Path, caption: str, comparison: Comparison, run: Run, place: int
) -> Picture:
    several = len(comparison.runs) > 1
    return Picture(
        f"evaluation-{name}" + (f"-run-{place}" if several else ""),
        caption + (f" Cohorts: {', '.join(run.cohorts)}." if several else ""),
        Image(path),
        f"{name}, drawn by the evaluation.",
    )
