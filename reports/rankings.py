"""Whether automatic metrics rank the generators as the readers do."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from evalsuite.records import Estimate
from evalsuite.statistics.concordance.generators import FEWEST_GENERATORS, generator_concordance
from evalsuite.statistics.concordance.rank_correlation import COEFFICIENTS
from evalsuite.statistics.result import tabulated
from reports.document import Block, Notice
from reports.glossary import features, meaning, title
from reports.readers.claims import correction, intervals
from reports.readers.shown import shown
from reports.sources import EvaluationData, StudyData

COLUMNS = ["cohort", "metric", "extractor", "direction", "value"]


def ranking_blocks(
    study: StudyData, evaluations: Sequence[EvaluationData], *, replicates: int
) -> list[Block]:
    """Return a table of rank correlations over generators, or a sentence on why there is none.

    Args:
        study: with the truth.
        evaluations: of cohorts with the same names.
        replicates: of the bootstrap.
    """
    known = set(study.table.loc[study.table["role"] == "synthetic", "cohort"])
    estimates = metric_values(evaluations)
    estimates = estimates[estimates["cohort"].isin(known)]
    generators = estimates["cohort"].nunique()
    if generators < FEWEST_GENERATORS:
        sentence = (
            f"Whether metrics rank generators as the readers do can be said only for "
            f"{FEWEST_GENERATORS} or more synthetic cohorts that have the same name in the study "
            f"and in an evaluation; here there are {generators}."
        )
        return [Notice((sentence,))]
    results = generator_concordance(study.table, estimates, replicates=replicates)
    spearman = [result for result in results if result.quantity == COEFFICIENTS[0]]
    if not spearman:
        return []
    titles = dict(zip(estimates["metric"], estimates["title"], strict=True))
    view = shown(
        "generators",
        "Do metrics rank the generators as the readers do? Rank correlation (Spearman) over "
        "the generators: 1 is the same order, \N{MINUS SIGN}1 the opposite. With few "
        "generators no ranking is distinguishable from chance. With "
        f"{intervals(spearman)}.{correction(spearman)}",
        spearman,
        {
            "metric": lambda result: titles[result.at("metric")],
            "computed on": lambda result: features(result.at("extractor")),
            "rank correlation (95 % interval)": "value",
            "p, corrected": "p_holm",
            "generators": "n_generators",
        },
        study,
        folded=len(spearman) > 40,
    )
    return [replace(view, data=tabulated(results))]


def metric_values(evaluations: Sequence[EvaluationData]) -> pd.DataFrame:
    """Return the estimates of all evaluations, one of each cohort, metric and extractor.

    Where the reference is the best, the value is the distance from it and lower is better; without
    a reference there is no best and the estimate is left out, as p-values are.
    """
    estimates = [
        e
        for data in evaluations
        for e in data.evaluation.estimates
        if not e.group and meaning(e).role != "test"
    ]
    rows = [
        {
            "cohort": e.synthetic,
            "metric": e.key,
            "extractor": e.extractor,
            "direction": "lower is better" if e.direction.startswith("nearer") else e.direction,
            "value": _badness(e),
            "title": title(e),
        }
        for e in estimates
        if not (e.direction.startswith("nearer") and e.reference is None)
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "title"])
    return table.drop_duplicates(["cohort", "metric", "extractor"])


def _badness(estimate: Estimate) -> float:
    if estimate.direction.startswith("nearer") and estimate.reference is not None:
        return abs(estimate.value - estimate.reference)
    return estimate.value
