"""What was done in evaluations that stand side by side, in the order of a methods section."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalsuite.caveats import enumerated
from evalsuite.table import counted
from reports.evaluations.comparison import of_subjects, together
from reports.glossary import metrics
from reports.methods.citations import cite
from reports.methods.preparation import ABBREVIATED, preparation
from reports.sources import EvaluationData

PACKAGES = ("torch", "monai", "numpy", "scipy")
TESTS = {
    "permutation": f"by permutation {cite('phipson')}",
    "wild bootstrap": "by a wild bootstrap over subjects, which differ in their numbers of volumes "
    f"{cite('chwialkowski')}",
}
# The first that a name starts with.
EXTRACTORS = {"medicalnet": "med3d", "radiomics-frd": "pyradiomics", "radiomics": "ibsi"}
PREPARED = ("preprocessing", "preprocessing_synthetic", "extractors")
COMMON = ("seed", "level")  # settings that are told for all metrics at once


def evaluation_paragraph(group: Sequence[EvaluationData]) -> str:
    """Return the sentences on evaluations against the same real volumes, done in the same way.

    Args:
        group: one or several, see `reports.evaluations.comparison.grouped`.
    """
    sentences = [
        *_cohorts(group),
        *_protocol(group),
        *preparation({key: _config(group, key) for key in PREPARED}),
        *_extractors(_config(group, "extractors")),
        *_metrics(_config(group, "metrics")),
        *_tests(group),
        *_differences(group),
        *_uncertainty(group),
        _record(group),
    ]
    return " ".join(sentences)


def _cohorts(group: Sequence[EvaluationData]) -> list[str]:
    evaluation = together(group).evaluation
    real, synthetic = evaluation.real, evaluation.synthetic
    versions = _each(data.evaluation.environment.get("packages") for data in group)
    names = enumerated([f"{c.name} ({counted(len(c.volumes), c.shared)})" for c in synthetic])
    told = [
        (
            f"Synthetic volumes of {names} were compared with {len(real.volumes)} real volumes"
            f"{of_subjects(real)} ({real.name}) with evalsuite{_version(versions, 'evalsuite')}."
        )
    ]
    skipped = [f"{len(c.skipped)} of {c.name}" for c in (real, *synthetic) if c.skipped]
    if skipped:
        told.append(f"Unreadable volumes were left out: {enumerated(skipped)}.")
    marks = [f"{c.name} {c.fingerprint[:ABBREVIATED]}" for c in (real, *synthetic)]
    if training := _config(group, "cohorts").get("training"):
        marks.append(f"training volumes {str(training)[:ABBREVIATED]}")
    told.append(
        f"The volumes are identified by SHA-256 (first {ABBREVIATED} digits; in full in the "
        f"record): {', '.join(marks)}."
    )
    return told


def _protocol(group: Sequence[EvaluationData]) -> list[str]:
    protocol = _config(group, "protocol")
    if not protocol:
        return []
    changed = f", modified ({_listed(protocol['modified'])})" if protocol["modified"] else ""
    return [
        (
            f"The protocol {protocol['name']} was followed{changed}: {protocol['paper'].rstrip('.')}; "
            f"code: {protocol['source']}."
        )
    ]


def _extractors(known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told = []
    for name, print_ in known.items():
        work = next((w for start, w in EXTRACTORS.items() if name.startswith(start)), None)
        details = [str(print_[k]) for k in ("architecture", "algorithm") if print_.get(k)]
        details += [
            f"{key.removesuffix('_sha256').replace('_', ' ')} SHA-256 {str(value)[:ABBREVIATED]}"
            for key, value in print_.items()
            if key.endswith("sha256") and value
        ]
        source = f" {cite(work)}" if work else ""
        told.append(f"{name}{source}{f' ({_listed(details)})' if details else ''}")
    return [f"Features were extracted with {enumerated(told)}."] if told else []


def _metrics(known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told = []
    for name in known:
        settings = [
            f"{key.replace('_', ' ')} {_setting(value)}"
            for key, value in known[name].items()
            if key not in COMMON and value is not None
        ]
        what = _what(name) or f"The metric {name} was computed"
        told.append(f"{what}{f' ({_listed(settings)})' if settings else ''}.")
    return told


def _what(name: str) -> str:
    """Return what a metric says of itself, with citations; nothing where none of the name is known."""
    if name not in metrics():
        return ""
    metric = metrics()[name]
    works = {q.name: cite(*q.works) for q in (*metric.quantities, *metric.scores) if q.works}
    return str(metric.methods.format(**works))


def _tests(group: Sequence[EvaluationData]) -> list[str]:
    """Return the tests behind the p-values that there are."""
    estimates = [e for data in group for e in data.evaluation.estimates]
    tests = _each(e.test for e in estimates if not math.isnan(e.value))
    if not tests:
        return []
    return [
        f"That cohorts have one distribution was tested {enumerated([TESTS[t] for t in tests])}."
    ]


def _differences(group: Sequence[EvaluationData]) -> list[str]:
    """Return how generators of pairs were compared with one another."""
    if not together(group).evaluation.differences:
        return []
    return [
        (
            "Generators were compared two at a time on the same subjects by the mean difference with "
            f"its t interval and Wilcoxon's signed-rank test {cite('wilcoxon')}, corrected by Holm's "
            f"method {cite('holm')}."
        )
    ]


def _uncertainty(group: Sequence[EvaluationData]) -> list[str]:
    estimates = [e for data in group for e in data.evaluation.estimates]
    columns = _each(data.evaluation.config.get("by") for data in group)
    levels = sorted({f"{100 * e.interval.level:g} %" for e in estimates if e.interval})
    methods = _each(e.interval.method.rstrip(".") for e in estimates if e.interval and not e.group)
    within = (
        f" and, where the metric allows, within groups by {enumerated(columns)}" if columns else ""
    )
    how = f", by the method that fits each: {'; '.join(methods)}" if methods else ""
    sure = f", with intervals at {enumerated(levels)}{how}" if levels else ""
    told = [f"Numbers were computed for whole cohorts{within}{sure}."] if within or sure else []
    if any(e.subjects_real or e.subjects_synthetic for e in estimates):
        told.append("Subjects and not volumes were taken for independent.")
    return told


def _record(group: Sequence[EvaluationData]) -> str:
    seeds = _each(data.evaluation.config.get("seed") for data in group)
    environments = [data.evaluation.environment for data in group]
    packages = _each(environment.get("packages") for environment in environments)
    pythons = _each(environment.get("python") for environment in environments)
    commits = _each(environment.get("evalsuite_commit") for environment in environments)
    hashes = _each(data.evaluation.config_hash[:ABBREVIATED] for data in group)
    parts = [f"Python {enumerated(pythons)}"] if pythons else []
    parts += [f"{p}{v}" for p in PACKAGES if (v := _version(packages, p))]
    parts += [f"evalsuite at git commit {enumerated(commits)}"] if commits else []
    parts += [f"random seed {enumerated(seeds)}"] if seeds else []
    parts += [f"configuration with SHA-256 {enumerated(hashes)}"]
    return f"Everything is in the record of the evaluation: {', '.join(parts)}."


def _config(group: Sequence[EvaluationData], key: str) -> dict[str, Any]:
    """Return one part of the configurations, those of all evaluations in one."""
    merged: dict[str, Any] = {}
    for data in group:
        found: Any = data.evaluation.config.get(key)
        merged |= found or {}
    return merged


def _each(values: Iterable[Any]) -> list[Any]:
    """Return the different values that there are, in order."""
    found: list[Any] = []
    for value in values:
        if value not in (None, "") and value not in found:
            found.append(value)
    return found


def _version(packages: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the versions of a package behind a space, or nothing where it was not there."""
    found = _each(known.get(name) for known in packages)
    known = [str(version) for version in found if version != "absent"]
    return f" {enumerated(known)}" if known else ""


def _setting(value: object) -> str:
    return _by(value) if isinstance(value, list | tuple) else str(value)


def _by(values: object) -> str:
    shown = values if isinstance(values, list | tuple) else [values]
    return " x ".join(f"{v:g}" if isinstance(v, int | float) else str(v) for v in shown)


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts)
