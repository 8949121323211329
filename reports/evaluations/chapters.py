"""The chapters on numbers: what they ask, how every generator fares, and by group."""

from collections.abc import Sequence

from evalsuite.caveats import Notes
from evalsuite.records import Chapter, Estimate
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.evaluations.comparison import Comparison
from reports.evaluations.differences import difference_tables
from reports.evaluations.pictures import own_figures
from reports.evaluations.tables import full_table, meanings, side_by_side
from reports.figures.cohorts import looks
from reports.figures.forests import Panel, forest_pages, forests
from reports.figures.panels import ACROSS
from reports.glossary import meaning, measured_on, title

GROUPS = "Does it hold in every group?"
MOST_PANELS = 6  # on the first page
LONG = 40  # rows of a table that is opened on demand
CHAPTERS: dict[Chapter, tuple[str, str]] = {
    "distance": (
        "How far are the synthetic cohorts from the real one?",
        (
            "Every volume is described by a list of numbers (its features), and the features of a "
            "whole cohort are set against those of the real one. A distance has no unit: it says "
            "something only beside another on the same features, such as that of another generator or "
            "that within the real cohort."
        ),
    ),
    "overlap": (
        "Are the volumes realistic, and as varied as real ones?",
        (
            "A good generator is both: each of its volumes could be real, and all kinds of real "
            "volumes occur among them. Two volumes are neighbours here if their features are alike."
        ),
    ),
    "diversity": (
        "Do the volumes of a cohort differ as real ones do?",
        (
            "Pairs of volumes of the same cohort are compared voxel by voxel. Synthetic volumes that "
            "are more alike than real ones come from a generator that repeats itself."
        ),
    ),
    "slices": (
        "Do the slices hold together?",
        (
            "A generator may draw each slice well and yet fail from one to the next. In each plane "
            "neighbouring slices are compared, and what real volumes show is the yardstick."
        ),
    ),
    "anatomy": (
        "Is the anatomy right?",
        (
            "Every structure of the label maps (a segmented organ or part of one, by its label) is "
            "measured in each volume. The measures of synthetic volumes should be spread as those "
            "of real ones."
        ),
    ),
    "privacy": (
        "Are they copies of training volumes?",
        (
            "A generator that copies gives patients away. Synthetic volumes are therefore held against "
            "those it was trained on, and the same is done with real volumes it never saw."
        ),
    ),
    "pairs": (
        "Is each synthetic volume like the real one that it stands for?",
        (
            "Each synthetic volume is held against the real volume of the same patient, voxel by "
            "voxel; every number is a mean over patients. Such numbers reward what is blurred a "
            "little: read them beside the distances, which do not."
        ),
    ),
    "other": ("Other numbers", "Numbers of other metrics, as these describe themselves."),
}
MARKED = (
    " Values, and panels, with a number in square brackets are to be read with that note; the "
    "points are hollow."
)


def number_chapters(comparison: Comparison, notes: Notes) -> list[Section]:
    """Return one chapter per kind of number that was computed.

    Each has an introduction, the runs' own figures, points with intervals, a table of all
    generators side by side, and the numbers in full.
    """
    whole = [e for e in comparison.evaluation.estimates if not e.group]
    sections = []
    for chapter, (question, introduction) in CHAPTERS.items():
        own = [e for e in whole if meaning(e).chapter == chapter]
        if not own:
            continue
        name = f"evaluation-{chapter}"
        blocks: list[Block] = [Text((introduction,)), *own_figures(comparison, chapter)]
        blocks += _forests(name, own, comparison, notes)
        tables = side_by_side(own, comparison, notes)
        for place, frame in enumerate(tables, 1):
            last = place == len(tables)
            blocks.append(
                Table(
                    name if len(tables) == 1 else f"{name}-{place}",
                    f"{question} Value and interval for each synthetic cohort.{_by(comparison)}",
                    frame,
                    meanings(own) if last else (),
                )
            )
        compared, compared_in_full = (
            difference_tables(comparison) if chapter == "pairs" else ([], [])
        )
        blocks += compared
        in_full = f"{question} All numbers in full.{_by(comparison)}"
        beyond = full_table(f"{name}-full", in_full, own, notes)
        sections.append(Section(name, question, tuple(blocks), (beyond, *compared_in_full)))
    return sections


def headlines(comparison: Comparison, notes: Notes) -> list[Block]:
    """Return the figure of the few numbers that stand for the whole evaluation, if there are any."""
    stand = [e for e in comparison.evaluation.estimates if meaning(e).headline and not e.group]
    panels = [panel for row in _panels([e for e in stand if not e.where]) for panel in row]
    few = [panels[start : start + ACROSS] for start in range(0, MOST_PANELS, ACROSS)]
    question = "The numbers that stand for the whole evaluation."
    return _pictures("evaluation-headlines", question, [p for p in few if p], comparison, notes)[:1]


def _by(comparison: Comparison) -> str:
    """Return the protocol as it ends a caption."""
    protocol = comparison.evaluation.protocol
    return f" Protocol: {protocol}." if protocol else ""


def _forests(
    name: str, estimates: Sequence[Estimate], comparison: Comparison, notes: Notes
) -> list[Block]:
    """Return the figures of a chapter: a row for each number of several planes or features."""
    rows = _panels([e for e in estimates if meaning(e).role != "test"])
    question = CHAPTERS[meaning(estimates[0]).chapter][0]
    return _pictures(name, question, rows, comparison, notes)


def _panels(estimates: Sequence[Estimate]) -> list[list[Panel]]:
    """Return a row per quantity, and in it a panel per place and features."""
    drawn: dict[str, dict[tuple[str, str], list[Estimate]]] = {}
    for estimate in estimates:
        panels = drawn.setdefault(estimate.name, {})
        panels.setdefault((estimate.key, estimate.extractor), []).append(estimate)
    return [
        [Panel(title(own[0]), measured_on(own[0]), own) for own in panels.values()]
        for panels in drawn.values()
    ]


def _pictures(
    name: str,
    question: str,
    rows: Sequence[Sequence[Panel]],
    comparison: Comparison,
    notes: Notes,
) -> list[Block]:
    """Return as many figures as it takes for all panels with a number."""
    own_looks = looks(comparison.evaluation)
    del own_looks[comparison.evaluation.real.name]
    marked = any(e.warnings for row in rows for panel in row for e in panel.estimates)
    portions = forest_pages(rows, comparison.cohorts)
    return [
        Picture(
            f"{name}-forest" + (f"-{place}" if len(portions) > 1 else ""),
            f"{question} Points are values, thick lines their intervals, dashed lines the same number "
            "within the real cohort." + MARKED * marked
            if place == 1
            else "The figure before, continued.",
            forests(panels, own_looks, notes.marks, groups),
            "Small panels with one row per synthetic cohort; the table below has the numbers.",
        )
        for place, (panels, groups) in enumerate(portions, 1)
    ]


def group_chapter(comparison: Comparison, notes: Notes) -> list[Section]:
    """Return the chapter on groups of volumes, none where the evaluation has no groups."""
    grouped = [e for e in comparison.evaluation.estimates if e.group]
    if not grouped:
        return []
    told = notes.sentences(title, measured_on, ("group",)).values()
    rows = _panels([e for e in grouped if meaning(e).by_group])
    blocks: list[Block] = [
        Text(
            (
                (
                    "The same numbers within groups of volumes: real and synthetic volumes of a group "
                    "are set against each other. A group that fares worse is one that the generator "
                    "serves worse, if it is large enough to tell."
                ),
            )
        ),
        *([Notice(tuple(told))] if told else []),
        *_pictures("evaluation-groups", GROUPS, rows, comparison, notes),
        full_table(
            "evaluation-groups",
            "Numbers by group, with the volumes that went in.",
            grouped,
            notes,
            folded=len(grouped) > LONG,
        ),
    ]
    return [Section("evaluation-groups", GROUPS, tuple(blocks))]
