"""Does any automatic metric agree with the experts? The chapter that sets both side by side."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evalsuite.statistics.concordance.cases import concordance
from evalsuite.statistics.concordance.generators import generator_concordance
from evalsuite.statistics.rated import rated_by_question
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import concordance_points, forest
from reports.sources import EvaluationData, StudyData, case_scores
from reports.study import notes, tidy

SHOWN = 6  # scatter plots
EXPLAINED = (
    "For every case the readers' mean rating stands against the score that an automatic metric "
    "gave the same volume. A rank correlation of 1 means that the metric puts the cases in the "
    "readers' order, 0 that it knows nothing of it. Within the synthetic cases is the harder "
    "test: over all cases a metric that only tells real from synthetic agrees with readers who "
    "do so too."
)


def concordance_section(
    study: StudyData, evaluations: Sequence[EvaluationData], *, replicates: int
) -> Section:
    """Return the chapter on whether metrics and readers agree.

    Args:
        study: with its long table.
        evaluations: whose volumes are among the cases.
        replicates: of the bootstrap.
    """
    title = "Do automatic metrics agree with the readers?"
    scores = case_scores(study, evaluations)
    if scores.empty:
        return Section("concordance", title, (Notice((_why_not(study, evaluations),)),))
    found = concordance(study.table, scores, replicates=replicates)
    blocks: list[Block] = [Text((EXPLAINED, *verdict(found)))]
    shown = _main_rows(found)
    if not shown.empty:
        drawn = shown.assign(
            row=[_name(r.metric, r.extractor) for r in shown.itertuples()],
            asked=[study.texts.get(q, q) for q in shown["question"]],
        )
        blocks.append(
            Picture(
                "concordance",
                "Rank correlation (Spearman) of each metric with the readers' mean rating "
                f"{_whose(shown)}, with 95 % intervals; the sign is turned so that right means "
                "that metric and readers agree.",
                forest(
                    drawn,
                    label="row",
                    group="asked",
                    reference=0.0,
                    axis="rank correlation",
                    limits=(-1.0, 1.0),
                ),
                "Forest plot of rank correlations between metrics and ratings.",
            )
        )
        best = shown.dropna(subset=["estimate"]).sort_values("estimate", ascending=False)
        panels = [
            {
                "question": str(row.question),
                "metric": str(row.metric),
                "extractor": str(row.extractor),
                "title": f"{study.texts.get(str(row.question), row.question)}\n"
                f"{_name(row.metric, row.extractor)}",
            }
            for row in best.head(SHOWN).itertuples()
        ]
        if panels:
            blocks.append(
                Picture(
                    "concordance-cases",
                    "Each point is a case: its score and the readers' mean rating. Shown are the "
                    "metrics that agree most.",
                    concordance_points(_points(study, scores), panels),
                    "Scatter plots of metric scores against mean ratings.",
                )
            )
    blocks.append(
        Table(
            "concordance",
            "Rank correlations of all metrics with the mean rating. p (Holm) is corrected over all "
            "metrics and questions of the same cases.",
            tidy(found),
            notes(found),
            folded=len(found) > 60,
        )
    )
    blocks += _generators(study, evaluations, replicates)
    return Section("concordance", title, tuple(blocks))


def verdict(found: pd.DataFrame) -> list[str]:
    """Return a sentence on which metrics agree with the readers, if any do."""
    shown = _main_rows(found)
    sure = shown[(shown["p_holm"] < 0.05) & (shown["estimate"] > 0)]
    against = shown[(shown["p_holm"] < 0.05) & (shown["estimate"] < 0)]
    if sure.empty:
        sentence = (
            f"No automatic metric was found to agree with the readers {_whose(shown)}: no "
            "positive rank correlation is distinguishable from chance after correction for the "
            "number of comparisons."
        )
    else:
        best = sure.sort_values("estimate", ascending=False).iloc[0]
        names = list(dict.fromkeys(_name(r.metric, r.extractor) for r in sure.itertuples()))
        sentence = (
            f"{len(names)} {'metric agrees' if len(names) == 1 else 'metrics agree'} with the "
            f"readers {_whose(shown)} beyond chance: {', '.join(names)}. Most of all "
            f"{_name(best['metric'], best['extractor'])} with {best['question']}: rank correlation "
            f"{best['estimate']:.2f} ({best['low']:.2f} to {best['high']:.2f})."
        )
    told = [sentence]
    if not against.empty:
        names = list(dict.fromkeys(_name(r.metric, r.extractor) for r in against.itertuples()))
        told.append(f"Against the readers' order beyond chance: {', '.join(names)}.")
    return told


def _main_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's rows within the synthetic cases, or over all where there are no others."""
    own = found[found["coefficient"].str.startswith("Spearman")]
    for among in ("synthetic", "all"):
        rows = own[own["cases"] == among]
        if rows["estimate"].notna().any():
            return pd.DataFrame(rows)
    return pd.DataFrame(own.iloc[:0])


def _whose(rows: pd.DataFrame) -> str:
    among = rows["cases"].iloc[0] if len(rows) else "all"
    return "within the synthetic cases" if among == "synthetic" else "over all cases"


def _generators(
    study: StudyData, evaluations: Sequence[EvaluationData], replicates: int
) -> list[Block]:
    rows = [
        {
            "cohort": e.synthetic,
            "metric": e.name,
            "extractor": e.extractor,
            "direction": e.direction,
            "value": abs(e.value - e.reference)
            if e.direction.startswith("nearer") and e.reference is not None
            else e.value,
        }
        for data in evaluations
        for e in data.evaluation.estimates
        if not e.group and not e.name.endswith("p_value")
    ]
    estimates = pd.DataFrame(rows).drop_duplicates(["cohort", "metric", "extractor"])
    known = set(study.table.loc[study.table["role"] == "synthetic", "cohort"])
    estimates = estimates[estimates["cohort"].isin(known)] if len(estimates) else estimates
    if estimates.empty or estimates["cohort"].nunique() < 2:
        sentence = (
            "Metrics and readers can be compared on their ranking of generators only where at "
            "least two synthetic cohorts have the same name in the study and in an evaluation."
        )
        return [Notice((sentence,))]
    nearer = estimates["direction"].str.startswith("nearer")
    estimates = estimates.assign(
        direction=np.where(nearer, "lower is better", estimates["direction"])
    )
    found = generator_concordance(study.table, estimates, replicates=replicates)
    return [
        Table(
            "generators",
            "Do metrics rank the generators as the readers do? 1: the same order, -1: the "
            "opposite. With few generators no ranking is distinguishable from chance.",
            tidy(found),
            notes(found),
            folded=len(found) > 40,
        )
    ]


def _points(study: StudyData, scores: pd.DataFrame) -> pd.DataFrame:
    """Return case, cohort, question, mean rating, metric, extractor and value."""
    rows = []
    for rated in rated_by_question(study.table, study.points):
        for cohort, cases in rated.cases.items():
            counts = np.isfinite(rated.scores[cohort]).sum(axis=1)
            sums = np.nansum(rated.scores[cohort], axis=1)
            rows += [
                {"question": rated.question, "cohort": cohort, "case": case, "rating": total / n}
                for case, total, n in zip(cases, sums, counts, strict=True)
                if n
            ]
    return pd.DataFrame(rows).merge(scores, on="case")


def _why_not(study: StudyData, evaluations: Sequence[EvaluationData]) -> str:
    if not study.unblinded:
        return (
            "The study is not closed. Cases are set beside the metrics of their volumes only once "
            "the truth may be known."
        )
    if not evaluations:
        return (
            "No evaluation was given. Name one with --evaluation whose volumes are among the "
            "cases of the study."
        )
    if all(data.scores.empty for data in evaluations):
        return (
            "The evaluations have no scores per volume. Compute them with the metrics realism, "
            "slices or privacy of `evalsuite compute-metrics`."
        )
    return (
        "None of the volumes of the evaluations is a case of the study: volumes are known again by "
        "the SHA-256 of their files. Evaluate the files that the study was created from."
    )


def _name(metric: object, extractor: object) -> str:
    plain = str(metric).replace("_", " ")
    return f"{plain} ({extractor})" if extractor else plain
