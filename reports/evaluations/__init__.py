"""The evaluation part of a report: numbers of all generators, figures of the runs, caveats."""

from collections.abc import Sequence

from evalsuite.caveats import Notes
from reports.document import Answer, Block, Notice, Section, Text, suffixed
from reports.evaluations.chapters import group_chapter, headlines, number_chapters
from reports.evaluations.comparison import Comparison, comparisons, of_subjects
from reports.evaluations.findings import findings
from reports.evaluations.pictures import other_figures, own_figures
from reports.evaluations.volumes import volume_chapter
from reports.glossary import measured_on, title
from reports.sources import EvaluationData

MOST_LIMITS = 6  # that are told on the first page, where it has room for them
READ = (
    "Behind each value stands its {level} interval, where the metric has one. “Within real” is the "
    "same number for the real cohort itself, the yardstick. Numbers in square brackets are those "
    "of the notes of this part."
)


def evaluation_sections(evaluations: Sequence[EvaluationData]) -> list[Section]:
    """Return the chapters on evaluations: what was compared, each kind of number, volumes.

    Evaluations against the same real volumes, done in the same way, stand side by side; others get
    chapters of their own.

    Args:
        evaluations: in the order in which their generators are shown.
    """
    found = comparisons(evaluations)
    notes = Notes.of(*(comparison.evaluation for comparison in found))
    sections = []
    for place, comparison in enumerate(found, 1):
        suffix = "" if len(found) == 1 else f"-{place}"
        ending = "" if len(found) == 1 else f" (comparison {place})"
        own = [
            _overview(comparison, found, notes if place == 1 else None),
            *number_chapters(comparison, notes),
            *group_chapter(comparison, notes),
            *volume_chapter(comparison),
            *other_figures(comparison),
        ]
        sections += [suffixed(section, suffix, ending) for section in own]
    return sections


def evaluation_answers(
    evaluations: Sequence[EvaluationData], *, pictured: bool = True
) -> list[Answer]:
    """Return what the first page says of evaluations.

    Args:
        evaluations: at least one.
        pictured: whether it has the figure of the headline numbers, of the first comparison.
    """
    found = comparisons(evaluations)
    notes = Notes.of(*(comparison.evaluation for comparison in found))
    told = [sentence for comparison in found for sentence in findings(comparison)]
    limits = list(notes.sentences(title, measured_on).values())
    if limits and not (pictured and len(limits) <= MOST_LIMITS):
        limit = "One note limits" if len(limits) == 1 else f"{len(limits)} notes limit"
        limits = [f"{limit} what the numbers of the evaluation say; they stand in that part."]
    pictures = headlines(found[0], notes) if pictured else []
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("Metrics", (Text(tuple(told)),)),
        ("Numbers", tuple(pictures)),
        ("Limits of metrics", (Text(tuple(limits)),) if limits else ()),
    ]
    return [Answer(head, blocks) for head, blocks in parts if blocks]


def _overview(
    comparison: Comparison, everything: Sequence[Comparison], notes: Notes | None
) -> Section:
    real = comparison.evaluation.real
    synthetic = [f"{len(c.volumes)} of {c.name}" for c in comparison.evaluation.synthetic]
    yardstick = f"{len(real.volumes)} real volumes{of_subjects(real)} ({real.name}) are the yardstick for synthetic"
    said = [f"{yardstick} ones: {', '.join(synthetic)}.", comparison.evaluation.standing]
    said += [
        f"{len(c.skipped)} unreadable volumes of {c.name} were left out."
        for c in (real, *comparison.evaluation.synthetic)
        if c.skipped
    ]
    if len(everything) > 1:
        said.append(
            f"There are {len(everything)} comparisons in this report, which differ in the real "
            "volumes, in the protocol, in how volumes were prepared, or in how numbers were computed: numbers of "
            "one must not be set against those of another."
        )
    intervals = [e.interval for e in comparison.evaluation.estimates if e.interval]
    levels = sorted({f"{100 * interval.level:g} %" for interval in intervals}) or ["95 %"]
    read = READ.format(level=" or ".join(levels))
    blocks: list[Block] = [Text((*said, *comparison.remarks, read))]
    if notes and (told := notes.sentences(title, measured_on, ("cohort", "estimate"))):
        blocks.append(Notice(tuple(told.values())))
    blocks += own_figures(comparison, "overview")
    return Section("evaluation", "Synthetic against real volumes: what was compared", tuple(blocks))
