"""A methods paragraph written from the record alone, to be pasted into a paper."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.sources import EvaluationData, StudyData


def methods_paragraphs(
    evaluations: Sequence[EvaluationData], study: StudyData | None
) -> tuple[str, ...]:
    """Return what was done, as the records say it."""
    told = [_evaluation(data) for data in evaluations]
    if study is not None:
        told += [_study(study), _statistics(study)]
    return tuple(told)


def _evaluation(data: EvaluationData) -> str:
    evaluation = data.evaluation
    config: Mapping[str, Any] = evaluation.config
    cohorts = ", ".join(f"{c.name} (n = {len(c.volumes)})" for c in evaluation.synthetic)
    steps = config.get("preprocessing", {})
    first = (
        f"Synthetic volumes ({cohorts}) were compared with {len(evaluation.real.volumes)} real "
        f"volumes ({evaluation.real.name}) with evalsuite "
        f"{_version(evaluation.environment, 'evalsuite')}."
    )
    parts = [first]
    if steps:
        parts.append(
            f"All volumes were brought to {steps.get('orientation')} orientation, a spacing of "
            f"{_by(steps.get('spacing'))} mm and {_by(steps.get('shape'))} voxels "
            f"({steps.get('fit')}); intensities were normalised by {_intensity(steps)} "
            f"(preprocessing hash {str(steps.get('hash', ''))[:12]})."
        )
    for name, print_ in config.get("extractors", {}).items():
        known = {k: v for k, v in print_.items() if "hash" in k or "sha256" in k}
        weights = "; ".join(f"{k.replace('_', ' ')} {str(v)[:12]}" for k, v in known.items())
        parts.append(f"Features were extracted with {name}{f' ({weights})' if weights else ''}.")
    for name, options in config.get("metrics", {}).items():
        shown = ", ".join(f"{k} = {v}" for k, v in options.items() if k != "seed")
        parts.append(f"Metric {name}{f' with {shown}' if shown else ''}.")
    methods = dict.fromkeys(
        f"{e.name.replace('_', ' ')}: {e.method}" for e in evaluation.estimates if not e.group
    )
    parts.append("Definitions: " + "; ".join(m.rstrip(".") for m in methods) + ".")
    intervals = dict.fromkeys(
        e.interval.method for e in evaluation.estimates if e.interval is not None
    )
    if intervals:
        parts.append("Intervals (95 %): " + "; ".join(i.rstrip(".") for i in intervals) + ".")
    versions = ", ".join(
        f"{package} {_version(evaluation.environment, package)}"
        for package in ("torch", "monai", "numpy", "scipy")
    )
    parts.append(
        f"Seed {config.get('seed')}; configuration {evaluation.config_hash[:12]}; Python "
        f"{evaluation.environment.get('python')}, {versions}; commit "
        f"{evaluation.environment.get('evalsuite_commit') or 'of the installed package'}."
    )
    return " ".join(parts)


def _study(study: StudyData) -> str:
    table, design = study.table, study.design
    readers = len(set(table["reader"]))
    reading = table[table["phase"] == "reading"] if len(table) else table
    cohorts = design.get("cohorts") or []
    shown = ", ".join(f"{c['cases']} {c['role']} ({c['name']})" for c in cohorts)
    kinds = "; ".join(f"{q.name}: {q.text} ({q.kind.replace('_', ' ')})" for q in study.questions)
    seed = f" with seed {design['seed']}" if "seed" in design else ""
    first = (
        f"In a blinded reader study ({study.name}), {readers} readers rated "
        f"{len(set(reading['case']))} cases{f' ({shown})' if shown else ''}, each reader all of "
        f"them, in an order of his own that was randomised in balanced blocks{seed} and stored at "
        "enrolment."
    )
    parts = [first]
    if design.get("repeats"):
        parts.append(f"{design['repeats']} cases per reader were shown twice, unknown to him.")
    if design.get("training"):
        parts.append(
            f"Before the reading, {design['training']} cases per cohort were shown with feedback."
        )
    parts.append(
        "All cases had been resampled to one orientation, spacing, matrix, intensity range and "
        "8 bits under random names, without their headers. They were read in three orthogonal "
        "planes in radiological convention."
    )
    if study.audit:
        found = study.audit["classifier"]
        parts.append(
            "A cross-validated classifier of trivial cues (file size, borders, grey levels) told "
            f"real from synthetic cases with an AUC of {found['auc']:.2f} "
            f"({found['low']:.2f} to {found['high']:.2f})."
        )
    parts.append(
        f"Questions: {kinds}. Design {study.design_hash[:12]}; the study is {study.state}."
    )
    return " ".join(parts)


def _statistics(study: StudyData) -> str:
    kinds = {q.kind for q in study.questions}
    rated = (
        "Readers and cases were both treated as random samples wherever there were several "
        "readers: means, differences and probabilities of superiority by a two-way analysis of "
        "variance with Student's t (Obuchowski and Rockette 1995; Cochran 1964), with Holm's "
        "correction over questions and cohorts."
    )
    agreed = (
        "Agreement between readers was measured by quadratic weighted kappa, Fleiss' kappa, "
        "Gwet's AC2, Krippendorff's ordinal alpha and intraclass correlations (Shrout and Fleiss "
        "1979), with bootstrap intervals over cases and readers."
    )
    parts = [rated, agreed]
    if "confidence" in kinds:
        parts.append(
            "The visual Turing test was analysed by the area under the empirical ROC curve, "
            "per reader with DeLong's variance, and over readers by the analysis of variance of "
            "Obuchowski and Rockette with Hillis' degrees of freedom on the logit scale."
        )
    if study.design.get("margins"):
        margins = ", ".join(f"{k} {v:g}" for k, v in study.design["margins"].items())
        parts.append(
            f"Equivalence was tested by two one-sided tests against margins of {margins} points, "
            "stated in the design before the first answer."
        )
    return " ".join(parts)


def _version(environment: Mapping[str, Any], package: str) -> str:
    return str(environment.get("packages", {}).get(package, "unknown"))


def _by(values: object) -> str:
    return " x ".join(f"{v:g}" for v in values) if isinstance(values, list | tuple) else str(values)


def _intensity(steps: Mapping[str, Any]) -> str:
    rule = steps.get("intensity", {})
    if rule.get("kind") == "percentile":
        return f"mapping the percentiles {rule['low']:g} and {rule['high']:g} to 0 and 1"
    if rule.get("kind") == "window":
        return f"mapping the window {rule['low']:g} to {rule['high']:g} to 0 and 1"
    return "subtracting the mean and dividing by the standard deviation of non-zero voxels"
