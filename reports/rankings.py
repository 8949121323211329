"""Whether automatic metrics rank the generators as the readers do."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from evalsuite.records import Estimate
from evalsuite.statistics.concordance.generators import FEWEST_GENERATORS, generator_concordance
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
        told = (
            f"Whether metrics rank generators as the readers do can be said only for "
            f"{FEWEST_GENERATORS} or more synthetic cohorts that have the same name in the study "
            f"and in an evaluation; here there are {generators}."
        )
        return [Notice((told,))]
    found = generator_concordance(study.table, estimates, replicates=replicates)
    own = found[found["coefficient"].str.startswith("Spearman")]
    if own.empty:
        return []
    titles = dict(zip(estimates["metric"], estimates["title"], strict=True))
    own = own.assign(title=own["metric"].map(titles), on=[features(e) for e in own["extractor"]])
    view = shown(
        "generators",
        "Do metrics rank the generators as the readers do? Rank correlation (Spearman) over "
        "the generators: 1 is the same order, \N{MINUS SIGN}1 the opposite. With few "
        "generators no ranking is distinguishable from chance. With "
        f"{intervals(own)}.{correction(own)}",
        own,
        {
            "title": "metric",
            "on": "computed on",
            "estimate": "rank correlation (95 % interval)",
            "p_holm": "p, corrected",
            "n_generators": "generators",
        },
        study,
        folded=len(own) > 40,
    )
    return [replace(view, data=found)]


def metric_values(evaluations: Sequence[EvaluationData]) -> pd.DataFrame:
    """Return the estimates of all evaluations, one of each cohort, metric and extractor.

    Where the reference is the best, the value is the distance from it and lower is better; without
    a reference there is no best and the estimate is left out, as p-values are.
    """
    estimates = [
        replace(e, extractor=_features(e.extractor, data.evaluation.protocol))
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


def _features(extractor: str, protocol: str) -> str:
    """Return what values are on, which are never ranked with those of another protocol."""
    return f"{extractor or 'voxels'} by {protocol}" if protocol else extractor


def _badness(estimate: Estimate) -> float:
    if estimate.direction.startswith("nearer") and estimate.reference is not None:
        return abs(estimate.value - estimate.reference)
    return estimate.value
