"""Every metric on every pair of cohorts: findings in, the long tables of an evaluation out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from evalsuite.extractors.extractor import Extractor
from evalsuite.groups import Group, Some, by_covariate
from evalsuite.metrics.metric import Finding, LabelMap, Metric, UndefinedError, Views
from evalsuite.metrics.subjects import Subjects, coded
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.progress import Progress
from evalsuite.records import Detail, Estimate, FeatureTable, Scores, VolumeScore
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing

Tables = Mapping[tuple[str, str], FeatureTable]
Chosen = Sequence[tuple[Metric, Mapping[str, Any]]]


@dataclass
class Measured:
    """What all metrics found, in the order in which they found it."""

    estimates: list[Estimate] = field(default_factory=list)
    scores: list[VolumeScore] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts of an evaluation with what metrics look at.

    Args:
        real, synthetic: checked.
        training: what the generator was trained on, if it was named.
        labels: by name of the cohort, its segmentations.
        tables: features by extractor and cohort.
        steps: resolved preprocessing.
    """

    real: Cohort
    synthetic: Sequence[Cohort]
    training: Cohort | None
    labels: Mapping[str, Sequence[LabelMap]]
    tables: Tables
    steps: Preprocessing


def measure(
    metrics: Chosen,
    extractors: Sequence[Extractor],
    cohorts: Cohorts,
    *,
    by: str | None,
    progress: Progress,
) -> Measured:
    """Return what every metric finds of each synthetic cohort against the real one.

    Args:
        metrics: with their options.
        extractors: whose tables are in `cohorts`.
        cohorts: of the evaluation.
        by: covariate by whose values every metric is broken down as well; what the generator was
            trained on stays whole.
        progress: one step per metric, pair of cohorts and extractor.
    """
    on_features, on_volumes, on_views = (
        [(m, o) for m, o in metrics if m.input == kind] for kind in ("features", "volumes", "views")
    )
    each = len(on_features) * len(extractors) + len(on_volumes) + len(on_views)
    measured = Measured()
    read = {c.name: PreprocessedVolumes(c, cohorts.steps) for c in _all(cohorts)}
    with progress("metrics", len(cohorts.synthetic) * each) as advance:
        for synthetic in cohorts.synthetic:
            sides = (cohorts.real, synthetic)
            groups = [
                (group, Subjects(*map(_codes, sides, group.chosen)))
                for group in by_covariate(*sides, by)
            ]
            for extractor in extractors:
                pair = _features(cohorts, extractor, (cohorts.real, synthetic))
                for metric, options in on_features:
                    for group, subjects in groups:
                        some = [values[g] for values, g in zip(pair, group.chosen, strict=True)]
                        found = _findings(metric, some, options, {"subjects": subjects})
                        found = [_about(f, extractor, group, subjects) for f in found]
                        _keep(measured, found, cohorts.real, synthetic, group)
                    advance()
            for metric, options in on_volumes:
                for group, subjects in groups:
                    some = [Some(read[c.name], g) for c, g in zip(sides, group.chosen, strict=True)]
                    found = _findings(metric, some, options, {"subjects": subjects})
                    found = [_about(f, None, group, subjects) for f in found]
                    _keep(measured, found, cohorts.real, synthetic, group)
                advance()
            for metric, options in on_views:
                views = [_views(cohorts, c, sides, extractors, read) for c in sides]
                training = cohorts.training and _views(
                    cohorts, cohorts.training, sides, extractors, read
                )
                for group, subjects in groups:
                    some = [_some(v, g) for v, g in zip(views, group.chosen, strict=True)]
                    found = _findings(metric, some, options, {"training": training})
                    found = [_about(_doubted(f, extractors), None, group, subjects) for f in found]
                    _keep(measured, found, cohorts.real, synthetic, group)
                advance()
    return measured


def standardise(
    reference: Float[np.ndarray, "m d"], values: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """Centre and scale by the reference's mean and standard deviation, feature by feature.

    A feature that is constant in the reference is centred, not scaled.
    """
    mean, deviation = reference.mean(axis=0), reference.std(axis=0, ddof=int(len(reference) > 1))
    # Constant features come out with a deviation of rounding size rather than zero.
    flat = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    scaled: Float[np.ndarray, "n d"] = (values - mean) / np.where(flat, 1.0, deviation)
    return scaled


def _codes(cohort: Cohort, chosen: Sequence[int]) -> Int[np.ndarray, " n"]:
    """Return the subject of each of some volumes of a cohort as a code."""
    return coded([cohort.subjects[i] for i in chosen])


def _all(cohorts: Cohorts) -> list[Cohort]:
    return [
        cohorts.real,
        *cohorts.synthetic,
        *([cohorts.training] if cohorts.training else []),
    ]


def _features(cohorts: Cohorts, extractor: Extractor, wanted: Sequence[Cohort]) -> list[Any]:
    """Return the features of some cohorts, by the real one standardised if the extractor asks."""
    import torch

    def table(cohort: Cohort) -> Float[np.ndarray, "n d"]:
        return cohorts.tables[extractor.name, cohort.name].values.astype(np.float64)

    reference = table(cohorts.real)
    values = [table(cohort) for cohort in wanted]
    if extractor.standardise:
        values = [standardise(reference, v) for v in values]
    return [torch.from_numpy(v) for v in values]


def _views(
    cohorts: Cohorts,
    cohort: Cohort,
    sides: Sequence[Cohort],
    extractors: Sequence[Extractor],
    read: Mapping[str, PreprocessedVolumes],
) -> Views:
    spacing = cohorts.steps.spacing
    if isinstance(spacing, str):
        spacing = sides[0].infos[0].spacing
    return Views(
        names=[entry.id for entry in cohort.entries],
        features={e.name: _features(cohorts, e, [cohort])[0] for e in extractors},
        volumes=read[cohort.name],
        spacing=spacing,
        labels=cohorts.labels.get(cohort.name),
        subjects=cohort.subjects,
    )


def _some(views: Views, chosen: Sequence[int]) -> Views:
    return Views(
        names=[views.names[i] for i in chosen],
        features={name: values[chosen] for name, values in views.features.items()},
        volumes=Some(views.volumes, chosen),
        spacing=views.spacing,
        labels=None if views.labels is None else Some(views.labels, chosen),
        subjects=None if views.subjects is None else [views.subjects[i] for i in chosen],
    )


def _findings(
    metric: Metric,
    cohorts: Sequence[Any],
    options: Mapping[str, Any],
    handed: Mapping[str, Any],
) -> Sequence[Finding]:
    """Return the findings; what a metric cannot compute becomes one nan that says why.

    Args:
        handed: keywords that the metric may take or not.
    """
    real, synthetic = cohorts
    taken = {name: value for name, value in handed.items() if metric.takes(name)}
    try:
        found = metric.compute(real, synthetic, **options, **taken)
    except UndefinedError as error:
        counts = [len(c.names) if isinstance(c, Views) else len(c) for c in cohorts]
        return [
            Estimate(
                name=metric.name,
                value=math.nan,
                direction="lower is better",
                n_real=counts[0],
                n_synthetic=counts[1],
                method=metric.summary,
                warnings=error.args,  # a caveat stays one
            )
        ]
    if "subjects" in handed and "subjects" not in taken:
        return [_of_volumes(finding, handed["subjects"]) for finding in found]
    return found


def _of_volumes(finding: Finding, subjects: Subjects) -> Finding:
    """Return the finding of a metric that knows no subjects with what that does to its interval."""
    if not isinstance(finding, Estimate) or finding.interval is None:
        return finding
    if _fewer(subjects.real) is None and _fewer(subjects.synthetic) is None:
        return finding
    warning = (
        "The interval takes all volumes for independent, but some show the same subject: "
        "it is too narrow."
    )
    return replace(finding, warnings=(*finding.warnings, warning))


def _about(
    finding: Finding, extractor: Extractor | None, group: Group, subjects: Subjects
) -> Finding:
    """Return the finding with what the metric could not know."""
    if extractor:
        finding = replace(finding, extractor=extractor.name)
    if isinstance(finding, Estimate):
        own = extractor.warnings if extractor else ()
        warnings = (*finding.warnings, *group.warnings, *own)
        return replace(
            finding,
            group=group.name,
            warnings=warnings,
            subjects_real=_fewer(subjects.real),
            subjects_synthetic=_fewer(subjects.synthetic),
        )
    return finding


def _fewer(codes: Int[np.ndarray, " n"]) -> int | None:
    """Return how many subjects there are, None if as many as volumes."""
    count = len(np.unique(codes))
    return count if count < len(codes) else None


def _doubted(finding: Finding, extractors: Sequence[Extractor]) -> Finding:
    """Return the finding with the warnings of the extractor that it names itself."""
    if not isinstance(finding, Estimate):
        return finding
    own = [w for e in extractors if e.name == finding.extractor for w in e.warnings]
    return replace(finding, warnings=(*finding.warnings, *own))


def _keep(
    measured: Measured, found: Sequence[Finding], real: Cohort, synthetic: Cohort, group: Group
) -> None:
    for finding in found:
        if isinstance(finding, Estimate):
            measured.estimates.append(replace(finding, synthetic=synthetic.name))
        elif group.name:
            continue  # scores and details are those of whole cohorts
        elif isinstance(finding, Detail):
            measured.details.append(replace(finding, synthetic=synthetic.name))
        else:
            measured.scores += _rows(finding, real, synthetic)


def _rows(scores: Scores, real: Cohort, synthetic: Cohort) -> list[VolumeScore]:
    return [
        VolumeScore(
            cohort=cohort.name,
            role=cohort.role,
            volume=entry.id,
            digest=info.digest,
            against=other.name,
            extractor=scores.extractor,
            name=scores.name,
            value=float(value),
            direction=scores.direction,
            method=scores.method,
        )
        for cohort, other, values in (
            (real, synthetic, scores.real),
            (synthetic, real, scores.synthetic),
        )
        for entry, info, value in zip(cohort.entries, cohort.infos, values, strict=True)
    ]
