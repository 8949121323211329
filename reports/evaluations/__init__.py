"""The evaluation part of a report: numbers of all generators, figures of the runs, caveats."""

from collections.abc import Sequence
from pathlib import Path

from evalsuite.records import Estimate
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.evaluations.caveats import Caveats
from reports.evaluations.comparison import Comparison, comparisons
from reports.evaluations.findings import findings
from reports.evaluations.glossary import Chapter, features, meaning, score_meaning
from reports.evaluations.tables import (
    GOOD,
    WORST,
    by_score,
    folded,
    in_full,
    meanings,
    methods,
    score_summary,
    side_by_side,
    worst_volumes,
)
from reports.figures.cohorts import looks
from reports.figures.panels import Panel, Strip, forests, pages, strip_pages, strips
from reports.sources import EvaluationData

CHAPTERS: dict[Chapter, tuple[str, str]] = {
    "distance": (
        "How far are the synthetic cohorts from the real one?",
        "Every volume is described by a list of numbers (its features), and the features of a "
        "whole cohort are set against those of the real one. A distance has no unit: it says "
        "something only beside another on the same features, such as that of another generator or "
        "that within the real cohort.",
    ),
    "overlap": (
        "Are the volumes realistic, and as varied as real ones?",
        "A good generator is both: each of its volumes could be real, and all kinds of real "
        "volumes occur among them. Two volumes are neighbours here if their features are alike.",
    ),
    "diversity": (
        "Do the volumes of a cohort differ as real ones do?",
        "Pairs of volumes of the same cohort are compared voxel by voxel. Synthetic volumes that "
        "are more alike than real ones come from a generator that repeats itself.",
    ),
    "slices": (
        "Do the slices hold together?",
        "A generator may draw each slice well and yet fail from one to the next. In each plane "
        "neighbouring slices are compared, and what real volumes show is the yardstick.",
    ),
    "privacy": (
        "Are they copies of training volumes?",
        "A generator that copies gives patients away. Synthetic volumes are therefore held against "
        "those it was trained on, and the same is done with real volumes it never saw.",
    ),
    "other": ("Other numbers", "Numbers of other metrics, as these describe themselves."),
}
# By name of a run's figure: its chapter, what it shows. `estimates` is drawn anew, for all runs.
FIGURES: dict[str, tuple[Chapter | None, str]] = {
    "cohorts": (
        None,
        "Middle slices of the first volumes of each cohort, in radiological orientation (R: the "
        "patient's right), all on one scale and with one grey window.",
    ),
    "embedding": (
        "distance",
        "Each point is a volume, placed by the two directions in which the features of real "
        "volumes vary most. A cohort that lies apart here differs; one that does not may still "
        "differ in other directions.",
    ),
    "slices": (
        "slices",
        "How slices go together along each axis, the consistency of each volume, and the volumes "
        "in which a slice stands out most.",
    ),
    "privacy": (
        "privacy",
        "How close each synthetic volume is to its closest training volume, and the closest pairs "
        "side by side.",
    ),
}
REDRAWN = "estimates"
READ = (
    "Behind each value stands its 95 % interval, where the metric has one. “Within real” is the "
    "same number for the real cohort itself, the yardstick. Numbers in square brackets are those "
    "of the notes at the head of this part."
)
UNMARKED = "A value or a cohort with a number in square brackets is to be read with that note."


def evaluation_sections(evaluations: Sequence[EvaluationData]) -> list[Section]:
    """Return the chapters on evaluations: what was compared, each kind of number, volumes.

    Evaluations against the same real volumes, done in the same way, stand side by side; others get
    chapters of their own.

    Args:
        evaluations: in the order in which their generators are shown.
    """
    found = comparisons(evaluations)
    caveats = Caveats.of(found)
    sections = []
    for place, comparison in enumerate(found, 1):
        suffix = "" if len(found) == 1 else f"-{place}"
        ending = "" if len(found) == 1 else f" (comparison {place})"
        own = [
            _overview(comparison, found, caveats if place == 1 else None),
            *_chapters(comparison, caveats),
            *_groups(comparison, caveats),
            *_volumes(comparison),
            *_other_figures(comparison),
        ]
        sections += [_suffixed(section, suffix, ending) for section in own]
    return sections


def evaluation_findings(evaluations: Sequence[EvaluationData]) -> list[str]:
    """Return the few sentences on evaluations that who reads nothing else has to read."""
    found = comparisons(evaluations)
    count = len(Caveats.of(found).numbered)
    told = [sentence for comparison in found for sentence in findings(comparison)]
    if count:
        notes = "note limits" if count == 1 else f"{count} notes limit"
        told.append(
            f"{'One ' if count == 1 else ''}{notes} what the numbers of the evaluation say; they "
            "stand at the head of that part."
        )
    return told


def _overview(
    comparison: Comparison, everything: Sequence[Comparison], caveats: Caveats | None
) -> Section:
    real = comparison.evaluation.real
    said = [
        f"{len(real.volumes)} real volumes ({real.name}) are the yardstick for "
        + "; ".join(f"{c.name}: {len(c.volumes)}" for c in comparison.evaluation.synthetic)
        + " synthetic volumes."
    ]
    said += [
        f"{len(c.skipped)} unreadable volumes of {c.name} were left out."
        for c in (real, *comparison.evaluation.synthetic)
        if c.skipped
    ]
    if len(everything) > 1:
        said.append(
            f"There are {len(everything)} comparisons in this report, which differ in the real "
            "volumes, in how volumes were prepared, or in how numbers were computed: numbers of "
            "one must not be set against those of another."
        )
    blocks: list[Block] = [Text((*said, *comparison.remarks, READ))]
    told = caveats.sentences(("cohort", "estimate")) if caveats else ()
    if told:
        blocks.append(Notice(told))
    blocks += _figures(comparison, None)
    return Section("evaluation", "Synthetic against real volumes: what was compared", tuple(blocks))


def _chapters(comparison: Comparison, caveats: Caveats) -> list[Section]:
    whole = [e for e in comparison.evaluation.estimates if not e.group]
    sections = []
    for chapter, (title, introduction) in CHAPTERS.items():
        own = [e for e in whole if meaning(e).chapter == chapter]
        if not own:
            continue
        name = f"evaluation-{chapter}"
        blocks: list[Block] = [Text((introduction,)), *_figures(comparison, chapter)]
        blocks += _forests(name, own, comparison, caveats)
        tables = side_by_side(own, comparison, caveats)
        for place, frame in enumerate(tables, 1):
            last = place == len(tables)
            blocks.append(
                Table(
                    name if len(tables) == 1 else f"{name}-{place}",
                    f"{title} Value and 95 % interval for each synthetic cohort.",
                    frame,
                    meanings(own) if last else (),
                )
            )
        caption = "The same numbers in full."
        blocks.append(folded(f"{name}-full", caption, in_full(own, caveats), methods(own)))
        sections.append(Section(name, title, tuple(blocks)))
    return sections


def _forests(
    name: str, estimates: Sequence[Estimate], comparison: Comparison, caveats: Caveats
) -> list[Block]:
    """Return the figures of a chapter: a row for each number of several planes or features."""
    drawn = [e for e in estimates if not e.name.endswith("_p_value")]
    by_panel: dict[str, dict[tuple[str, str], list[Estimate]]] = {}
    for estimate in drawn:
        panels = by_panel.setdefault(meaning(estimate).quantity, {})
        panels.setdefault((estimate.name, estimate.extractor), []).append(estimate)
    rows = [
        [Panel(meaning(own[0]).title, features(own[0].extractor), own) for own in panels.values()]
        for panels in by_panel.values()
    ]
    if all(len(row) == 1 for row in rows):
        rows = [[panel for row in rows for panel in row]]
    own_looks = looks(comparison.evaluation)
    del own_looks[comparison.evaluation.real.name]
    title = CHAPTERS[meaning(estimates[0]).chapter][0]
    portions = pages(rows, comparison.cohorts) if drawn else []
    return [
        Picture(
            f"{name}-forest" + (f"-{place}" if len(portions) > 1 else ""),
            f"{title} Points are values, thick lines their 95 % intervals, dashed lines the same "
            "number within the real cohort. " + UNMARKED + " Its point is hollow."
            if place == 1
            else "The figure before, continued.",
            forests(portion, own_looks, caveats.of_estimate),
            "Small panels with one row per synthetic cohort; the table below has the numbers.",
        )
        for place, portion in enumerate(portions, 1)
    ]


def _groups(comparison: Comparison, caveats: Caveats) -> list[Section]:
    grouped = [e for e in comparison.evaluation.estimates if e.group]
    if not grouped:
        return []
    told = caveats.sentences(("group",))
    blocks: list[Block] = [
        Text(
            (
                "The same numbers within groups of volumes: real and synthetic volumes of a group "
                "are set against each other. A group that fares worse is one that the generator "
                "serves worse, if it is large enough to tell.",
            )
        ),
        *([Notice(told)] if told else []),
        Table(
            "evaluation-groups",
            "Numbers by group, with the volumes that went in.",
            in_full(grouped, caveats).drop(columns=["standard error"]),
            ("What the numbers mean is said in the chapters before.",),
            folded=len(grouped) > 40,
        ),
    ]
    return [Section("evaluation-groups", "Does it hold in every group?", tuple(blocks))]


def _volumes(comparison: Comparison) -> list[Section]:
    scores = comparison.scores
    if scores.empty or not scores["value"].notna().any():
        return []
    real = comparison.evaluation.real.name
    panels: dict[str, list[Strip]] = {}
    meant = {}
    for name, extractor, own in by_score(scores):
        title, sentence = score_meaning(name, str(own["method"].iloc[0]))
        meant[title.partition(", ")[0]] = sentence
        values = {
            cohort: own[own["cohort"] == cohort]
            .drop_duplicates("volume")["value"]
            .dropna()
            .to_numpy(float)
            for cohort in (real, *comparison.cohorts)
        }
        good = f"good is {GOOD[own['direction'].iloc[0]]}"
        panels.setdefault(name, []).append(Strip(title, features(extractor), good, values))
    rows = list(panels.values())
    if all(len(row) == 1 for row in rows):
        rows = [[strip for row in rows for strip in row]]
    portions = strip_pages(rows, (real, *comparison.cohorts))
    blocks: list[Block] = [
        Text(
            (
                "Some metrics give every single volume a score. They find the volumes to look at "
                "first, and are what readers' ratings of the same volumes can be set against.",
            )
        ),
        *(
            Picture(
                "evaluation-volumes" + (f"-{place}" if len(portions) > 1 else ""),
                "Scores of single volumes: each point is a volume, each bar a median. Real volumes "
                "are scored by the same rule, each against the others."
                if place == 1
                else "The figure before, continued.",
                strips(portion, looks(comparison.evaluation)),
                "Rows of points per cohort; the table below has medians and counts.",
            )
            for place, portion in enumerate(portions, 1)
        ),
        Table(
            "evaluation-volumes",
            "Where the volumes of each cohort lie among real ones. Of volumes like the real ones, "
            "5 % would be worse than 95 % of real.",
            score_summary(scores, comparison),
            tuple(f"{title}: {sentence}" for title, sentence in meant.items()),
        ),
        folded(
            "evaluation-worst",
            f"The {WORST} worst volumes of each cohort by each score.",
            worst_volumes(scores, comparison),
        ),
    ]
    return [Section("evaluation-volumes", "Which volumes stand out?", tuple(blocks))]


def _figures(comparison: Comparison, chapter: Chapter | None) -> list[Block]:
    """Return the runs' own figures that belong to a chapter."""
    names = [name for name, (own, _) in FIGURES.items() if own == chapter]
    return [
        _embedded(name, path, FIGURES[name][1], comparison, run, place)
        for name in names
        for place, run in enumerate(comparison.runs, 1)
        if (path := run.figures.get(name))
    ]


def _other_figures(comparison: Comparison) -> list[Section]:
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
    name: str, path: Path, caption: str, comparison: Comparison, run_cohorts: tuple[str, ...], place: int
) -> Picture:
    several = len(comparison.runs) > 1
    return Picture(
        f"evaluation-{name}" + (f"-run-{place}" if several else ""),
        caption + (f" Cohorts: {', '.join(run_cohorts)}." if several else ""),
        path,
        f"{name}, drawn by the evaluation.",
    )
