"""What the main analysis would say if readers, or cases, were no samples."""

from collections.abc import Sequence

from evalsuite.statistics.result import Result
from reports.document import Table
from reports.readers.claims import correction, intervals
from reports.readers.shown import shown
from reports.sources import StudyData

CAPTION = (
    "The same with readers, or cases, as fixed rather than as samples, with {intervals}; p is for "
    "guessing (0.5), of a difference for none."
)


def variant_tables(
    study: StudyData, variants: Sequence[Result], name: str, figure: str
) -> list[Table]:
    """Return one folded table of the variants of an analysis; none of a single reader.

    Args:
        study: knows what the readers were asked.
        variants: of `evalsuite.statistics.roc.mrmc.MultiReader`.
        name: of the table.
        figure: heads the column of numbers.
    """
    columns = {
        "synthetic cohort": "treatment",
        "samples": "kind",
        f"{figure} (95 % interval)": "value",
        "p, corrected": "p_holm",
        "readers": "n_readers",
    }
    if not variants:
        return []
    caption = CAPTION.format(intervals=intervals(variants)) + correction(variants)
    return [shown(name, caption, variants, columns, study, group="", folded=True)]
