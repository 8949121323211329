"""The evaluation part of a report: metrics of generators, side by side, with their doubts."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from evalsuite.records import Estimate, Evidence
from reports.document import Block, Image, Notice, Picture, Section, Table
from reports.figures.estimates import estimates as drawn
from reports.sources import EvaluationData

WORST = 3  # volumes named per cohort and score
MEANING = {
    "frechet_distance": "distance between the feature distributions (FID)",
    "frechet_distance_infinity": "the same, extrapolated to infinitely many volumes",
    "mmd_rbf": "distance between feature distributions without assuming a shape",
    "kid": "distance between feature distributions, unbiased (KID)",
    "mmd_rbf_p_value": "chance of such a distance if both cohorts were alike",
    "kid_p_value": "chance of such a distance if both cohorts were alike",
    "ms_ssim": "likeness of two volumes of a cohort: diversity, lower is more diverse",
    "ms_ssim_difference": "likeness within the synthetic cohort less that within the real one",
    "ssim": "likeness of two volumes of a cohort at full resolution",
    "precision": "share of synthetic volumes that lie among real ones",
    "recall": "share of real volumes that lie among synthetic ones",
    "density": "how deep synthetic volumes lie among real ones",
    "coverage": "share of real volumes with a synthetic one near by",
    "copies": "share of synthetic volumes that are copies of training volumes",
    "authenticity": "share of synthetic volumes that are no near copies",
    "membership_auc": "how well an attacker tells training from unseen volumes; 0.5 not at all",
    "slice_consistency": "how well the slices of a volume hold together (median)",
    "slice_faults": "share of volumes whose slices do not hold together",
}


def evaluation_sections(evaluations: Sequence[EvaluationData]) -> list[Section]:
    """Return the chapters on evaluations, one for each."""
    several = len(evaluations) > 1
    return [_section(data, i if several else None) for i, data in enumerate(evaluations, 1)]


def evaluation_findings(evaluations: Sequence[EvaluationData]) -> list[str]:
    """Return a sentence on each evaluation: the main distance of every generator, nearest first."""
    told = []
    for data in evaluations:
        evaluation = data.evaluation
        main = [e for e in evaluation.estimates if e.name == "frechet_distance" and not e.group]
        for extractor in dict.fromkeys(e.extractor for e in main):
            own = sorted((e for e in main if e.extractor == extractor), key=lambda e: e.value)
            parts = [f"{e.synthetic} {_number(e.value)}{_between(e)}" for e in own]
            within = next((e.reference for e in own if e.reference is not None), None)
            yardstick = f"; within {evaluation.real.name} {_number(within)}" if within else ""
            told.append(
                f"Frechet distance to {evaluation.real.name} by {extractor} (lower is nearer): "
                f"{', '.join(parts)}{yardstick}."
            )
    return told


def _section(data: EvaluationData, number: int | None) -> Section:
    evaluation = data.evaluation
    suffix = f"-{number}" if number else ""
    names = ", ".join(cohort.name for cohort in evaluation.synthetic)
    blocks: list[Block] = []
    doubts = _doubts(data)
    if doubts:
        blocks.append(Notice(tuple(doubts)))
    whole = tuple(e for e in evaluation.estimates if not e.group)
    if whole:
        blocks += [
            Picture(
                f"metrics{suffix}",
                "Every metric of every synthetic cohort with its 95 % interval; the dashed line is "
                "the same quantity within the real cohort. A hollow point has a warning, which "
                "stands below.",
                drawn(replace(evaluation, estimates=whole), Evidence((), {})),
                "Panels with one estimate and its interval for each synthetic cohort.",
            ),
            Table(
                f"metrics{suffix}",
                f"The metrics of {names} against {evaluation.real.name}.",
                _table(whole),
                _explained(whole),
            ),
        ]
    groups = tuple(e for e in evaluation.estimates if e.group)
    if groups:
        blocks.append(
            Table(f"groups{suffix}", "The same by group.", _table(groups), folded=len(groups) > 60)
        )
    blocks += [
        Picture(
            f"run{suffix}-{path.stem}",
            f"Figure {path.stem} of the run.",
            Image(path),
            f"Figure {path.stem} of the evaluation.",
        )
        for path in data.figures
        if path.stem != "estimates"
    ]
    worst = _worst(data)
    if not worst.empty:
        caption = "The volumes with the worst scores of each synthetic cohort: look at them."
        blocks.append(Table(f"worst{suffix}", caption, worst, folded=len(worst) > 30))
    title = "What the metrics say" + (f" ({names})" if number else "")
    return Section(f"metrics{suffix}-section", title, tuple(blocks))


def _table(found: Sequence[Estimate]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cohort": e.synthetic,
            "features": e.extractor or "voxels",
            "estimate": e.label.replace("_", " "),
            "value": e.value,
            "low": e.interval.low if e.interval else None,
            "high": e.interval.high if e.interval else None,
            "within real": e.reference,
            "better": e.direction.removesuffix(" is better"),
            "n real": e.n_real,
            "n synthetic": e.n_synthetic,
        }
        for e in found
    )


def _explained(found: Sequence[Estimate]) -> tuple[str, ...]:
    names = [name for name in dict.fromkeys(e.name for e in found) if name in MEANING]
    told = [f"{name.replace('_', ' ')}: {MEANING[name]}." for name in names]
    methods = dict.fromkeys(f"{e.name.replace('_', ' ')}: {e.method}" for e in found)
    return (" ".join(told), *(f"Method. {method}" for method in methods))


def _doubts(data: EvaluationData) -> list[str]:
    """Return every warning once, with what it concerns."""
    evaluation = data.evaluation
    told: dict[str, list[str]] = {}
    for cohort in (evaluation.real, *evaluation.synthetic):
        for warning in cohort.warnings:
            told.setdefault(warning, [])
        if cohort.skipped:
            told.setdefault(f"{cohort.name}: {len(cohort.skipped)} invalid volumes left out.", [])
    for estimate in evaluation.estimates:
        for warning in estimate.warnings:
            about = told.setdefault(warning, [])
            if estimate.name not in about:
                about.append(estimate.name)
    return [
        f"{warning} ({', '.join(name.replace('_', ' ') for name in names[:4])}"
        f"{', ...' if len(names) > 4 else ''})"
        if names
        else warning
        for warning, names in told.items()
    ]


def _worst(data: EvaluationData) -> pd.DataFrame:
    own = data.scores[data.scores["role"] == "synthetic"].dropna(subset=["value"])
    rows = []
    for (cohort, extractor, name), group in own.groupby(["cohort", "extractor", "name"]):
        lower = str(group["direction"].iloc[0]).startswith("lower")
        if str(group["direction"].iloc[0]).startswith("nearer"):
            continue
        ranked = group.sort_values("value", ascending=not lower).head(WORST)
        rows.append(
            {
                "cohort": cohort,
                "score": str(name).replace("_", " "),
                "features": extractor or "voxels",
                "worst volumes": ", ".join(
                    f"{v} ({_number(x)})"
                    for v, x in zip(ranked["volume"], ranked["value"], strict=True)
                ),
                "median": float(group["value"].median()),
            }
        )
    return pd.DataFrame(rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _between(estimate: Estimate) -> str:
    if estimate.interval is None:
        return ""
    return f" ({_number(estimate.interval.low)} to {_number(estimate.interval.high)})"
