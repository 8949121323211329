"""Every metric on every pair of cohorts: findings in, the long tables of an evaluation out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from evalsuite.extractors.extractor import Extractor
from evalsuite.groups import Group, Some, by_covariate
from evalsuite.metrics.metric import Finding, LabelMap, Metric, UndefinedError, Views
from evalsuite.metrics.subjects import Subjects, coded
from evalsuite.preparation import Preparation
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.progress import Progress
from evalsuite.records import Detail, Estimate, FeatureTable, Scores, VolumeScore
from evalsuite.volumes.cohort import Cohort

if TYPE_CHECKING:
    from torch import Tensor

Tables = Mapping[tuple[str, str], FeatureTable]
SlicesOfBoth = tuple[Mapping[str, "Tensor"], Mapping[str, "Tensor"]]
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
        preparation: for metrics on voxels.
    """

    real: Cohort
    synthetic: Sequence[Cohort]
    training: Cohort | None
    labels: Mapping[str, Sequence[LabelMap]]
    tables: Tables
    preparation: Preparation


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
    jobs: list[tuple[Metric, Mapping[str, Any], Extractor | None]] = [
        *((m, o, e) for e in extractors for m, o in metrics if m.input == "features"),
        *((m, o, None) for kind in ("volumes", "views") for m, o in metrics if m.input == kind),
    ]
    measured = Measured()
    real = _views(cohorts, cohorts.real, extractors)
    training = cohorts.training and _views(cohorts, cohorts.training, extractors)
    with progress("metrics", len(cohorts.synthetic) * len(jobs)) as advance:
        for synthetic in cohorts.synthetic:
            sides = (cohorts.real, synthetic)
            views = (real, _views(cohorts, synthetic, extractors))
            groups = [
                (
                    group,
                    Subjects(*map(_codes, sides, group.chosen)),
                    [_some(v, g) for v, g in zip(views, group.chosen, strict=True)],
                )
                for group in by_covariate(*sides, by)
            ]
            for metric, options, extractor in jobs:
                for group, subjects, pair in groups:
                    some = [_input(metric, view, extractor) for view in pair]
                    slices = _slices(pair, extractor)
                    handed = {"subjects": subjects, "training": training, "slices": slices}
                    found = _findings(metric, some, options, handed)
                    if slices and not metric.takes("slices"):
                        found = [_of_means(finding) for finding in found]
                    found = [_about(f, extractor, cohorts, group, subjects) for f in found]
                    _keep(measured, found, *sides, group)
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


def _features(cohorts: Cohorts, extractor: Extractor, cohort: Cohort) -> "Float[Tensor, 'n d']":
    """Return the features of a cohort, by the real one standardised if the extractor asks."""
    import torch

    def table(cohort: Cohort) -> Float[np.ndarray, "n d"]:
        return cohorts.tables[extractor.name, cohort.name].values.astype(np.float64)

    values = table(cohort)
    if extractor.standardise:
        values = standardise(table(cohorts.real), values)
    return torch.from_numpy(values)


def _views(cohorts: Cohorts, cohort: Cohort, extractors: Sequence[Extractor]) -> Views:
    steps = cohorts.preparation.of(cohort)
    spacing = steps.spacing
    if isinstance(spacing, str):
        spacing = cohorts.real.infos[0].spacing
    return Views(
        names=[entry.id for entry in cohort.entries],
        features={e.name: _features(cohorts, e, cohort) for e in extractors},
        volumes=PreprocessedVolumes(cohort, steps),
        spacing=spacing,
        labels=cohorts.labels.get(cohort.name),
        subjects=cohort.subjects,
        slices={e.name: _of_slices(cohorts, e, cohort) for e in extractors if e.slices},
    )


def _of_slices(
    cohorts: Cohorts, extractor: Extractor, cohort: Cohort
) -> "dict[str, Float[Tensor, 'n s d']]":
    import torch

    planes = cohorts.tables[extractor.name, cohort.name].slices or {}
    return {plane: torch.from_numpy(values) for plane, values in planes.items()}


def _slices(pair: Sequence[Views], extractor: Extractor | None) -> SlicesOfBoth | None:
    """Return the features of the slices of both cohorts, if the extractor makes any."""
    if extractor is None or extractor.slices is None:
        return None
    real, synthetic = (views.slices[extractor.name] for views in pair)
    return real, synthetic


def _of_means(finding: Finding) -> Finding:
    """Return the finding of a metric that knows no slices with what was made of them."""
    if isinstance(finding, Detail):
        return finding
    told = f"{finding.method.rstrip('.')}; the features of a volume are the mean over its slices."
    return replace(finding, method=told)


def _input(metric: Metric, views: Views, extractor: Extractor | None) -> Any:
    """Return what the metric looks at of a cohort."""
    if extractor:
        return views.features[extractor.name]
    return views.volumes if metric.input == "volumes" else views


def _some(views: Views, chosen: Sequence[int]) -> Views:
    if len(chosen) == len(views.names):
        return views  # features of slices are large
    return Views(
        names=[views.names[i] for i in chosen],
        features={name: values[chosen] for name, values in views.features.items()},
        volumes=Some(views.volumes, chosen),
        spacing=views.spacing,
        labels=None if views.labels is None else Some(views.labels, chosen),
        subjects=None if views.subjects is None else [views.subjects[i] for i in chosen],
        slices={
            name: {plane: values[chosen] for plane, values in planes.items()}
            for name, planes in views.slices.items()
        },
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
    if metric.input != "views" and "subjects" not in taken:
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
    finding: Finding,
    extractor: Extractor | None,
    cohorts: Cohorts,
    group: Group,
    subjects: Subjects,
) -> Finding:
    """Return the finding with what the metric could not know.

    Args:
        extractor: of its features; of a metric on views the finding names it itself.
    """
    if extractor:
        finding = replace(finding, extractor=extractor.name)
    if isinstance(finding, Estimate):
        table = cohorts.tables.get((finding.extractor, cohorts.real.name))
        own = table.warnings if table else ()
        return replace(
            finding,
            group=group.name,
            warnings=(*finding.warnings, *group.warnings, *own),
            subjects_real=_fewer(subjects.real),
            subjects_synthetic=_fewer(subjects.synthetic),
        )
    return finding


def _fewer(codes: Int[np.ndarray, " n"]) -> int | None:
    """Return how many subjects there are, None if as many as volumes."""
    count = len(np.unique(codes))
    return count if count < len(codes) else None


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
