"""A methods section written from the records alone, to be pasted into a paper."""

from collections.abc import Sequence

from reports.document import Section, Table
from reports.evaluations.comparison import grouped
from reports.methods.citations import numbered
from reports.methods.evaluation import evaluation_paragraph
from reports.methods.study import study_paragraphs
from reports.sources import EvaluationData, StudyData


def methods_paragraphs(
    evaluations: Sequence[EvaluationData],
    study: StudyData | None,
    sections: Sequence[Section] = (),
) -> tuple[str, ...]:
    """Return what was done, as the records say it, and the references that this cites.

    Evaluations that may stand side by side share a paragraph.

    Args:
        evaluations: perhaps none.
        study: or None.
        sections: of the report on them; the statistics are those in their tables.
    """
    paragraphs = [evaluation_paragraph(group) for group in grouped(evaluations)]
    if study is not None:
        blocks = [block for section in sections for block in section.everything]
        paragraphs += study_paragraphs(
            study, [block for block in blocks if isinstance(block, Table)]
        )
    return numbered(paragraphs)
