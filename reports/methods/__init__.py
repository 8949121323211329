"""A methods section written from the records alone, to be pasted into a paper."""

from collections.abc import Sequence

from reports.evaluations.comparison import grouped
from reports.methods.citations import numbered
from reports.methods.evaluation import evaluation_paragraph
from reports.methods.study import study_paragraphs
from reports.sources import EvaluationData, StudyData


def methods_paragraphs(
    evaluations: Sequence[EvaluationData], study: StudyData | None
) -> tuple[str, ...]:
    """Return what was done, as the records say it, and the references that this cites.

    Evaluations that may stand side by side share a paragraph.

    Args:
        evaluations: perhaps none.
        study: or None.
    """
    told = [evaluation_paragraph(group) for group in grouped(evaluations)]
    if study is not None:
        told += study_paragraphs(study)
    return numbered(told)
