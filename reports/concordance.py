"""Does any automatic metric agree with the experts? The chapter that sets both side by side."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evalsuite.caveats import enumerated
from evalsuite.statistics.concordance.cases import concordance
from evalsuite.statistics.concordance.rank_correlation import COEFFICIENTS
from evalsuite.statistics.rated import rated_by_question
from evalsuite.statistics.result import Result, tabulated
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.readers import concordance_points, forest
from reports.glossary import score_meaning
from reports.rankings import ranking_blocks
from reports.readers.claims import ALPHA, SINGLE, correction, intervals, uncorrected
from reports.readers.shown import (
    asked,
    computed,
    decimals,
    fixed,
    footnotes,
    interval,
    probability,
    reasons,
    shown,
)
from reports.readers.shown import told as number
from reports.sources import EvaluationData, StudyData, case_scores

TITLE = "Do automatic metrics agree with the readers?"
SHOWN = 6  # scatter plots
PAIR = 2
DASH = "\N{EN DASH}"
SPEARMAN = COEFFICIENTS[0]
GROUPS = ("synthetic", "real", "all")  # of cases of more than one generator
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
    results = concordance(study.table, scores, replicates=replicates)
    if not results:
        sentence = (
            "No question was asked of single cases on a scale, so no metric can be set beside it."
        )
        return Section("concordance", TITLE, (Notice((sentence,)),))
    blocks = [Text(tuple(verdict(results, study))), Text((EXPLAINED,))]
    main = _main(results)
    if main:
        forests, *points = _pictures(study, scores, main)
        blocks += [forests, _side_by_side(study, main), *points]
    spearman = [result for result in results if result.quantity == SPEARMAN]
    everything = shown(
        "concordance-all",
        "Rank correlation (Spearman) of all metrics with the mean rating: within all synthetic "
        "cases, within each generator, within the real cases and over all cases. Kendall's "
        f"tau-b is in the CSV file. With {intervals(spearman)}.{correction(spearman)} Simultaneous "
        "intervals hold all at once in 95 % of studies; “p of the highest” is of being as high as "
        "the highest metric of the same question, corrected for its choice among all.",
        spearman,
        {
            "metric": name,
            "cases": "cases",
            "estimate (95 % interval)": "value",
            "simultaneous interval": _simultaneous,
            "p, corrected": "p_holm",
            "p of the highest": _told_apart,
            "number of cases": "n_cases",
        },
        study,
        folded=True,
    )
    beyond = replace(everything, data=tabulated(results))
    blocks += ranking_blocks(study, evaluations, replicates=replicates)
    known = computed([*blocks, beyond])
    return Section("concordance", TITLE, tuple(blocks), (beyond, *known))


def verdict(results: Sequence[Result], study: StudyData) -> list[str]:
    """Return the sentences on which metrics agree with the readers, if any do.

    Args:
        results: of `evalsuite.statistics.concordance.cases.concordance`.
        study: knows what the readers were asked.
    """
    main = _main(results)
    if not main:
        return ["Whether any metric agrees with the readers cannot be said.", *reasons(results)]
    sure, against = _sure(main), [r for r in main if r.p_holm < ALPHA and r.value < 0]
    if not sure:
        sentence = (
            f"No automatic metric was found to agree with the readers {_whose(main)}: no positive "
            "rank correlation is distinguishable from chance after correction for the number of "
            "comparisons."
        )
    else:
        best, names = _best_first(sure)[0], _names(sure)
        sentence = (
            f"{len(names)} {'metric agrees' if len(names) == 1 else 'metrics agree'} with the "
            f"readers {_whose(main)} beyond chance: {enumerated(names)}. The highest rank correlation "
            f"is {number(best)}, of {name(best)} with the answers to “{asked(study, best)}”"
            f"{_best_of(best, main)}."
        )
    sentences = [sentence]
    if against:
        sentences.append(
            f"Against the readers' order beyond chance: {enumerated(_names(against))}."
        )
    return [*sentences, *_within_generators(results, any_sure=bool(sure))]


def _best_of(best: Result, main: Sequence[Result]) -> str:
    """Say whether the highest correlation is more than the luckiest, among how many."""
    rivals = [r for r in main if r.bounded and r.at("question") == best.at("question")]
    if len(rivals) < PAIR:
        return ""
    alike = [r for r in rivals if r.parts["p_best"] >= ALPHA and r is not best]
    ends = best.parts["simultaneous_low"], best.parts["simultaneous_high"]
    known = sum(r.bounded for r in main)
    text = f" ({interval(best.value, *ends)} if all {known} intervals are to hold at once)"
    if not alike:
        return f"{text}; every other metric agrees less beyond chance"
    others = f"{len(alike)} of the {len(rivals) - 1} others" if len(rivals) > PAIR else "the other"
    return f"{text}; {others} cannot be told from it, so that it may be the highest by chance"


def _within_generators(results: Sequence[Result], *, any_sure: bool) -> list[str]:
    """Say whether any metric orders the cases of one generator as the readers do."""
    of_one = [
        r for r in results if r.quantity == SPEARMAN and r.defined and r.at("cases") not in GROUPS
    ]
    if not of_one:
        return []
    generators = enumerated(list(dict.fromkeys(result.at("cases") for result in of_one)))
    by_generator: dict[str, list[Result]] = {}
    for result in _sure(of_one):
        by_generator.setdefault(result.at("cases"), []).append(result)
    if not by_generator:
        return [
            f"Among the cases of a single generator ({generators}) no metric was found to "
            "agree: the metrics tell generators apart rather than good from bad cases of one."
            if any_sure
            else f"Nor does any among the cases of a single generator ({generators})."
        ]
    parts = [f"{enumerated(_names(sure))} within {cases}" for cases, sure in by_generator.items()]
    return [f"Among the cases of a single generator there agree: {'; '.join(parts)}."]


def _sure(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.p_holm < ALPHA and result.value > 0]


def _best_first(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda result: -result.value)


def _pictures(study: StudyData, scores: pd.DataFrame, main: Sequence[Result]) -> list[Block]:
    known = [result for result in main if result.defined]
    panels = [
        {
            "question": result.at("question"),
            "metric": result.at("metric"),
            "extractor": result.at("extractor"),
            "title": asked(study, result),
            "axis": name(result),
        }
        for result in _best_first(known)[:SHOWN]
    ]
    return [
        Picture(
            "concordance",
            "Rank correlation (Spearman) of each metric with the readers' mean rating "
            f"{_whose(main)}, with {uncorrected(known)}; the sign is "
            "turned so that right means that metric and readers agree.",
            forest(
                known,
                label=name,
                group=lambda result: asked(study, result),
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


def _side_by_side(study: StudyData, main: Sequence[Result]) -> Table:
    """Return one row per metric and one column per question."""
    view: dict[str, dict[str, str]] = {}
    for result in main:
        estimate, *ends = number(result).split(" ", 1)
        star = "*" if result.p_holm < ALPHA else ""
        cell = " ".join([estimate + star, *ends])
        view.setdefault(name(result), {})[asked(study, result)] = cell
    frame = pd.DataFrame.from_dict(view, orient="index").rename_axis("Metric").reset_index()
    return Table(
        "concordance",
        f"Rank correlation (Spearman) of each metric with the mean rating {_whose(main)}, with "
        f"{intervals(main)}. * agrees beyond chance, or disagrees where it is negative (p below 0.05, "
        f"corrected for the number of metrics and questions by Holm's method; {SINGLE}).",
        frame,
        footnotes(main, study, marked=False)[1],
        data=tabulated(main),
    )


def _simultaneous(result: Result) -> str:
    ends = [result.parts.get(f"simultaneous_{end}", math.nan) for end in ("low", "high")]
    if not all(map(math.isfinite, ends)):
        return DASH
    places = decimals([result.value, *ends])
    return f"{fixed(ends[0], places)} to {fixed(ends[1], places)}"


def _told_apart(result: Result) -> str:
    return probability(result.parts.get("p_best", math.nan))


def name(result: Result) -> str:
    """Return what a score is called, and what it was computed on."""
    title = score_meaning(result.at("metric"), "").title
    extractor = result.at("extractor")
    return f"{title} ({extractor})" if extractor else title


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(map(name, results)))


def _main(results: Sequence[Result]) -> list[Result]:
    """Return Spearman's within the synthetic cases, or over all where there are no others."""
    for among in ("synthetic", "all"):
        spearman = [r for r in results if r.quantity == SPEARMAN and r.at("cases") == among]
        if any(result.defined for result in spearman):
            return spearman
    return []


def _whose(results: Sequence[Result]) -> str:
    among = {result.at("cases") for result in results}
    return "within the synthetic cases" if "synthetic" in among else "over all cases"


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
