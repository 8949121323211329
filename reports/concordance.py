"""Does any automatic metric agree with the experts? The chapter that sets both side by side."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evalsuite.statistics.concordance.cases import concordance
from evalsuite.statistics.rated import rated_by_question
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import concordance_points, forest
from reports.glossary import score_meaning
from reports.rankings import ranking_blocks
from reports.readers.claims import SINGLE, correction, intervals, uncorrected
from reports.readers.shown import (
    asked,
    computed,
    footnotes,
    interval,
    listed,
    rows_of,
    shown,
)
from reports.sources import EvaluationData, StudyData, case_scores

TITLE = "Do automatic metrics agree with the readers?"
SHOWN = 6  # scatter plots
ALPHA = 0.05
EXPLAINED = (
    "For every case the readers' mean rating stands against the score that an automatic metric "
    "gave the same volume. A rank correlation of 1 means that the metric puts the cases in the "
    "readers' order, 0 that it knows nothing of it. Within the synthetic cases is the harder "
    "test: over all cases a metric that only tells real from synthetic agrees with readers who "
    "do so too. Hardest is the test among the cases of a single generator."
)


def concordance_section(
    study: StudyData, evaluations: Sequence[EvaluationData], *, replicates: int
) -> Section:
    """Return the chapter on whether metrics and readers agree; its verdict is the first block.

    Args:
        study: with its long table.
        evaluations: whose volumes are among the cases.
        replicates: of the bootstrap.
    """
    scores = case_scores(study, evaluations)
    if scores.empty:
        blocks: list[Block] = [Notice((_why_not(study, evaluations),))]
        if study.unblinded and evaluations:
            blocks += ranking_blocks(study, evaluations, replicates=replicates)
        return Section("concordance", TITLE, tuple(blocks))
    found = concordance(study.table, scores, replicates=replicates)
    if found.empty:
        told = (
            "No question was asked of single cases on a scale, so no metric can be set beside it."
        )
        return Section("concordance", TITLE, (Notice((told,)),))
    blocks = [Text(tuple(verdict(found, study))), Text((EXPLAINED,))]
    main = _main_rows(found)
    if len(main):
        blocks += [*_pictures(study, scores, main), _side_by_side(study, main)]
    spearman = found[found["coefficient"].str.startswith("Spearman")]
    everything = shown(
        "concordance-all",
        "Rank correlation (Spearman) of all metrics with the mean rating: within all synthetic "
        "cases, within each generator, within the real cases and over all cases. Kendall's "
        f"tau-b is in the CSV file. With {intervals(spearman)}.{correction(spearman)}",
        spearman.assign(title=_titles(spearman)),
        {
            "title": "metric",
            "cases": "cases",
            "estimate": "estimate (95 % interval)",
            "p_holm": "p, corrected",
            "n_cases": "number of cases",
        },
        study,
        folded=True,
    )
    blocks.append(replace(everything, data=found))
    blocks += ranking_blocks(study, evaluations, replicates=replicates)
    return Section("concordance", TITLE, (*blocks, *computed(blocks)))


def verdict(found: pd.DataFrame, study: StudyData) -> list[str]:
    """Return the sentences on which metrics agree with the readers, if any do.

    Args:
        found: of `evalsuite.statistics.concordance.cases.concordance`.
        study: knows what the readers were asked.
    """
    main = _main_rows(found)
    if main.empty:
        reasons = dict.fromkeys(str(text) for text in found["warnings"] if text)
        return ["Whether any metric agrees with the readers cannot be said.", *reasons]
    sure = main[(main["p_holm"] < ALPHA) & (main["estimate"] > 0)]
    against = main[(main["p_holm"] < ALPHA) & (main["estimate"] < 0)]
    if sure.empty:
        told = (
            f"No automatic metric was found to agree with the readers {_whose(main)}: no positive "
            "rank correlation is distinguishable from chance after correction for the number of "
            "comparisons."
        )
    else:
        best = rows_of(sure.sort_values("estimate", ascending=False))[0]
        names = list(dict.fromkeys(_titles(sure)))
        ends = interval(best["estimate"], best["low"], best["high"])
        told = (
            f"{len(names)} {'metric agrees' if len(names) == 1 else 'metrics agree'} with the "
            f"readers {_whose(main)} beyond chance: {listed(names)}. The highest rank correlation "
            f"is {ends}, of {name(best['metric'], best['extractor'])} with the answers to "
            f"“{study.texts.get(best['question'], best['question'])}”."
        )
    sentences = [told]
    if len(against):
        names = list(dict.fromkeys(_titles(against)))
        sentences.append(f"Against the readers' order beyond chance: {listed(names)}.")
    return [*sentences, *_within_generators(found)]


def _within_generators(found: pd.DataFrame) -> list[str]:
    """Say whether any metric orders the cases of one generator as the readers do."""
    own = found[found["coefficient"].str.startswith("Spearman") & found["estimate"].notna()]
    own = own[~own["cases"].isin(["synthetic", "real", "all"])]
    if own.empty:
        return []
    sure = own[(own["p_holm"] < ALPHA) & (own["estimate"] > 0)]
    generators = list(dict.fromkeys(own["cases"]))
    if sure.empty:
        return [
            f"Among the cases of a single generator ({listed(generators)}) no metric was found to "
            "agree: the metrics tell generators apart rather than good from bad cases of one."
            if _any_sure(found)
            else f"Nor does any among the cases of a single generator ({listed(generators)})."
        ]
    parts = [
        f"{listed(list(dict.fromkeys(_titles(rows))))} within {cases}"
        for cases, rows in sure.groupby("cases", sort=False)
    ]
    return [f"Among the cases of a single generator there agree: {'; '.join(parts)}."]


def _any_sure(found: pd.DataFrame) -> bool:
    main = _main_rows(found)
    return bool(((main["p_holm"] < ALPHA) & (main["estimate"] > 0)).any())


def _pictures(study: StudyData, scores: pd.DataFrame, main: pd.DataFrame) -> list[Block]:
    known = asked(study, main[main["estimate"].notna()])
    best = known.sort_values("estimate", ascending=False, kind="stable")
    panels = [
        {
            "question": str(row["question"]),
            "metric": str(row["metric"]),
            "extractor": str(row["extractor"]),
            "title": str(row["asked"]),
            "axis": name(row["metric"], row["extractor"]),
        }
        for row in rows_of(best.head(SHOWN))
    ]
    return [
        Picture(
            "concordance",
            "Rank correlation (Spearman) of each metric with the readers' mean rating "
            f"{_whose(main)}, with {uncorrected(known)}; the sign is "
            "turned so that right means that metric and readers agree.",
            forest(
                known.assign(row=_titles(known)),
                label="row",
                group="asked",
                reference=0.0,
                axis="rank correlation",
                limits=(-1.0, 1.0),
            ),
            "Forest plot of rank correlations between metrics and ratings; the table below has "
            "the numbers.",
        ),
        Picture(
            "concordance-cases",
            "Each point is a case: its score and the readers' mean rating. Shown are the metrics "
            "that agree most.",
            concordance_points(_points(study, scores), panels),
            "Scatter plots of metric scores against mean ratings.",
        ),
    ]


def _side_by_side(study: StudyData, main: pd.DataFrame) -> Table:
    """Return one row per metric and one column per question."""
    view: dict[str, dict[str, str]] = {}
    texts = study.texts
    for row, title in zip(rows_of(main), _titles(main), strict=True):
        estimate, *ends = interval(row["estimate"], row["low"], row["high"]).split(" ", 1)
        star = "*" if row["p_holm"] < ALPHA else ""
        text = texts.get(row["question"], row["question"])
        view.setdefault(title, {})[text] = " ".join([estimate + star, *ends])
    frame = pd.DataFrame.from_dict(view, orient="index").rename_axis("Metric").reset_index()
    _, notes = footnotes(main, study)
    return Table(
        "concordance",
        f"Rank correlation (Spearman) of each metric with the mean rating {_whose(main)}, with "
        f"{intervals(main)}. * agrees beyond chance, or disagrees where it is negative (p below 0.05, "
        f"corrected for the number of metrics and questions by Holm's method; {SINGLE}).",
        frame,
        tuple(dict.fromkeys(note.split("] ", 1)[-1] for note in notes)),
        data=main.reset_index(drop=True),
    )


def name(metric: object, extractor: object) -> str:
    """Return what a score is called, and what it was computed on."""
    title = score_meaning(str(metric), "").title
    return f"{title} ({extractor})" if extractor else title


def _titles(rows: pd.DataFrame) -> list[str]:
    return [name(row["metric"], row["extractor"]) for row in rows_of(rows)]


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
        "No volume of the evaluations is a case of the study: volumes are known again by the "
        "SHA-256 of their files. Evaluate the files that the study was created from."
    )
