"""The visual Turing test: whether readers tell real from synthetic, one case at a time."""

import numpy as np
import pandas as pd

from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.result import tabulated
from evalsuite.statistics.roc.curves import reader_aucs, reader_rates, roc_curves
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import MultiReader
from evalsuite.statistics.roc.readings import Readings
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import roc
from reports.readers.claims import correction, intervals
from reports.readers.guessing import guessing_tables
from reports.readers.results import StudyResults
from reports.readers.shown import shown
from reports.readers.variants import variant_tables
from reports.sources import StudyData

LONG = 24  # rows of a table that is opened on demand
READ = (
    "For each case the readers said how sure they were that it is real. The area under the ROC "
    "curve (AUC) is the chance that a reader was surer of a random real case than of a random "
    "synthetic one: at 0.5 readers guess, at 1 they always tell them apart. It does not depend on "
    "how readily a reader calls a case synthetic."
)


def turing(results: StudyResults) -> list[Section]:
    """Return one chapter for each question that asks whether a case is real.

    Args:
        results: of a study with the truth.
    """
    return [
        _section(results.study, readings, analysis, place)
        for place, (readings, analysis) in enumerate(results.told_apart)
    ]


def _section(study: StudyData, readings: Readings, analysis: MultiReader, place: int) -> Section:
    suffix = f"-{readings.question}" if place else ""
    title = "Can readers tell real from synthetic?" + (f" ({readings.question})" if place else "")
    curves = roc_curves(readings)
    if curves.empty:
        told = (
            "No reader rated both a real and a synthetic case, so this cannot be said: an ROC "
            "curve needs both."
        )
        return Section(f"turing{suffix}", title, (Notice((told,)),))
    blocks: list[Block] = [
        Text((READ,)),
        Picture(
            f"roc{suffix}",
            "How well readers tell real from synthetic cases at every degree of confidence. On "
            "the dashed line they guess; the further above, the better they tell them apart."
            + "".join(f" {sentence}" for sentence in _without_curve(readings, curves)),
            roc(curves),
            "ROC curves of all readers and their mean; the table below has the areas.",
        ),
        *_tables(study, readings, analysis, suffix),
    ]
    variants = variant_tables(study, analysis.variants, f"turing-variants{suffix}", "AUC")
    return Section(
        f"turing{suffix}", title, tuple(blocks), (*variants, *_components(analysis, suffix))
    )


def _without_curve(readings: Readings, curves: pd.DataFrame) -> list[str]:
    """Return who has no curve of their own, nor a part in the mean curve."""
    sentences: list[str] = []
    for treatment, of_cohort in curves.groupby("treatment", sort=False):
        without = ~np.isin(readings.readers, of_cohort["reader"].unique())
        why = f"they rated no real or no synthetic case of {treatment}"
        sentences += map(str, left_out(why, without, readings.readers))
    return sentences


def _tables(
    study: StudyData, readings: Readings, analysis: MultiReader, suffix: str
) -> list[Table]:
    aucs, rates = reader_aucs(readings), reader_rates(readings)
    tables = [
        shown(
            f"turing{suffix}",
            "Area under the ROC curve, mean of all readers, for each synthetic cohort, with "
            f"{intervals(analysis.treatments)}; p is for guessing (0.5)."
            f"{correction(analysis.treatments)}",
            analysis.treatments,
            {
                "synthetic cohort": "treatment",
                "AUC (95 % interval)": "value",
                "p, corrected": "p_holm",
                "readers": "n_readers",
                "cases": "n_cases",
            },
            study,
            group="",
        )
    ]
    merits = auc_merits(readings)
    tables += guessing_tables(study, merits, None, f"turing-equivalence{suffix}", "AUC")
    if analysis.differences:
        tables.append(
            shown(
                f"turing-differences{suffix}",
                "Are some synthetic cohorts easier to tell from real than others? Differences of "
                f"the areas, first less second, with {intervals(analysis.differences)}."
                f"{correction(analysis.differences)}",
                analysis.differences,
                {
                    "first cohort": "first",
                    "second cohort": "second",
                    "difference (95 % interval)": "value",
                    "p, corrected": "p_holm",
                },
                study,
                group="",
            )
        )
    tables.append(
        shown(
            f"turing-readers{suffix}",
            f"Each reader: the area under the ROC curve with {intervals(aucs)}; sensitivity, the "
            "share of real cases that were called real, specificity, that of synthetic cases called "
            "synthetic, and accuracy, that of right answers, with exact intervals. p is for "
            f"guessing.{correction([*aucs, *rates])}",
            [*aucs, *rates],
            {"reader": "reader", "real cases": "n_positive", "synthetic cases": "n_negative"},
            study,
            group="treatment",
            across="quantity",
            folded=len(aucs) > LONG,
        )
    )
    return tables


def _components(analysis: MultiReader, suffix: str) -> list[Table]:
    if not analysis.components:
        return []
    return [
        Table(
            f"turing-components{suffix}",
            "For statisticians: variance components and covariances of the analysis of "
            "variance of Obuchowski and Rockette.",
            tabulated(analysis.components)[["quantity", "value", "correlation"]],
            folded=True,
        )
    ]
