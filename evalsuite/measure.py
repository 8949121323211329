"""Every metric on every pair of cohorts: findings in, the long tables of an evaluation out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from evalsuite.extractors.extractor import Extractor
from evalsuite.groups import Group, by_covariate
from evalsuite.memory import Kept
from evalsuite.metrics.metric import Finding, Metric, UndefinedError, Views
from evalsuite.preparation import Preparation
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.progress import Progress
from evalsuite.records import Caveat, Detail, Estimate, FeatureTable, Scores, VolumeScore
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.labels import OnGrids, Segmentation
from evalsuite.volumes.resampling import same_grid

if TYPE_CHECKING:
    from torch import Tensor

Tables = Mapping[tuple[str, str], FeatureTable]
TOO_NARROW = Caveat(
    "volumes-taken-for-independent",
    "The interval takes all volumes for independent, but some show the same subject: it is too "
    "narrow.",
)
Chosen = Sequence[tuple[Metric, Mapping[str, Any]]]


@dataclass
class Findings:
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
        kept: the volumes of all cohorts that were read last.
        pairs: by name of a synthetic cohort, the place of the real volume of each of its own.
        masks: of the real volumes, if any were named.
        apart: by extractor and cohort, how far feature maps are apart, see `feature_maps`.
    """

    real: Cohort
    synthetic: Sequence[Cohort]
    training: Cohort | None
    labels: Mapping[str, Sequence[Segmentation]]
    tables: Tables
    preparation: Preparation
    kept: Kept
    pairs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    masks: Sequence[Segmentation] | None = None
    apart: Mapping[tuple[str, str], Float[np.ndarray, "n l"]] = field(default_factory=dict)


def measure(
    metrics: Chosen,
    extractors: Sequence[Extractor],
    cohorts: Cohorts,
    *,
    by: str | None,
    memory: int,
    progress: Progress,
) -> Findings:
    """Return what every metric finds of each synthetic cohort against the real one.

    Args:
        metrics: with their options.
        extractors: whose tables are in `cohorts`.
        cohorts: of the evaluation.
        by: covariate by whose values every metric is broken down as well; what the generator was
            trained on stays whole.
        memory: bytes that a metric may hold beside what it looks at.
        progress: one step per metric, pair of cohorts and extractor.
    """
    jobs = [
        *(
            (m, o, e.name)
            for e in extractors
            for m, o in metrics
            if m.by_extractor and m.takes(e.name)
        ),
        *((m, o, "") for m, o in metrics if not m.by_extractor),
    ]
    findings = Findings()
    real = _views(cohorts, cohorts.real, extractors)
    training = cohorts.training and _views(cohorts, cohorts.training, extractors)
    with progress("metrics", len(cohorts.synthetic) * len(jobs)) as advance:
        for synthetic in cohorts.synthetic:
            sides = (cohorts.real, synthetic)
            views = (real, _views(cohorts, synthetic, extractors))
            groups = [(group, _of_group(views, group)) for group in by_covariate(*sides, by)]
            for metric, options, extractor in jobs:
                handed: dict[str, Any] = (
                    {"training": training} if "training" in metric.needs else {}
                )
                if metric.in_blocks:
                    handed["memory"] = memory
                for group, pair in groups:
                    seen = [v.through(extractor) for v in pair] if extractor else pair
                    of_group = [
                        _about(finding, extractor, cohorts, group, pair)
                        for finding in findings_of(metric, seen, {**options, **handed})
                    ]
                    _keep(findings, of_group, cohorts, synthetic, group)
                advance()
    return findings


def _of_group(views: tuple[Views, Views], group: Group) -> list[Views]:
    """Return the views of a group; of pairs those whose real volume is in it."""
    real, synthetic = views
    ours, theirs = group.chosen
    if synthetic.pairs is None:
        return [real.of(ours), synthetic.of(theirs)]
    places = {place: i for i, place in enumerate(ours)}
    theirs = [i for i in theirs if synthetic.pairs[i] in places]
    pairs = [places[synthetic.pairs[i]] for i in theirs]
    return [real.of(ours), replace(synthetic.of(theirs), pairs=pairs)]


def standardise(
    reference: Float[np.ndarray, "m d"], values: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """Centre and scale by the reference's mean and standard deviation, feature by feature.

    A feature that is constant in the reference is centred, not scaled.
    """
    mean, deviation = reference.mean(axis=0), reference.std(axis=0, ddof=int(len(reference) > 1))
    scaled: Float[np.ndarray, "n d"] = (values - mean) / unit_of(mean, deviation)
    return scaled


def unit_of(
    mean: Float[np.ndarray, " d"], deviation: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " d"]:
    """Return what each standardised feature is divided by: its deviation, 1 where it is constant."""
    # Constant features come out with a deviation of rounding size rather than zero.
    flat = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return np.where(flat, 1.0, deviation)


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
    pairs = cohorts.pairs.get(cohort.name)
    onto = None if pairs is None else [cohorts.real.infos[place] for place in pairs]
    labels = cohorts.labels.get(cohort.name)
    return Views(
        names=[entry.id for entry in cohort.entries],
        features={e.name: _features(cohorts, e, cohort) for e in extractors},
        volumes=PreprocessedVolumes(cohort, steps, cohorts.kept, onto),
        spacing=spacing,
        labels=labels,
        subjects=cohort.subjects,
        slices={e.name: _of_slices(cohorts, e, cohort) for e in extractors if e.slices},
        standardised=frozenset(e.name for e in extractors if e.standardise),
        pairs=pairs,
        apart={e: rows for (e, name), rows in cohorts.apart.items() if name == cohort.name},
        masks=cohorts.masks if cohort is cohorts.real else None,
        matched=None if labels is None or onto is None else OnGrids(labels, onto),
        moved=frozenset(
            entry.id
            for entry, own, other in zip(cohort.entries, cohort.infos, onto or (), strict=False)
            if not same_grid((own.shape, own.affine), (other.shape, other.affine))
        ),
    )


def _of_slices(
    cohorts: Cohorts, extractor: Extractor, cohort: Cohort
) -> "dict[str, Float[Tensor, 'n s d']]":
    import torch

    planes = cohorts.tables[extractor.name, cohort.name].slices or {}
    return {plane: torch.from_numpy(values) for plane, values in planes.items()}


def undefined(metric: Metric, error: UndefinedError, volumes: tuple[int, int]) -> Estimate:
    """Return the nan that says why a metric cannot compute anything of so many volumes."""
    return Estimate(
        name=metric.name,
        value=math.nan,
        direction="lower is better",
        n_real=volumes[0],
        n_synthetic=volumes[1],
        method=metric.summary,
        warnings=(error.caveat,),
    )


def findings_of(
    metric: Metric, pair: Sequence[Views], options: Mapping[str, Any]
) -> Sequence[Finding]:
    """Return the findings with what the metric does not know of slices and subjects.

    Of cohorts of which it cannot compute anything, the nan that says why.
    """
    real, synthetic = pair
    try:
        findings = metric.compute(real, synthetic, **options)
    except UndefinedError as error:
        return [undefined(metric, error, (len(real.names), len(synthetic.names)))]
    if real.slices and "slices" not in metric.needs:
        findings = [
            _of_means(f) if metric.by_extractor or f.extractor in real.slices else f
            for f in findings
        ]
    if "subjects" not in metric.needs:
        findings = [_of_volumes(finding, pair) for finding in findings]
    return findings


def _of_means(finding: Finding) -> Finding:
    """Return the finding of a metric that knows no slices with what was made of them."""
    if isinstance(finding, Detail):
        return finding
    told = f"{finding.method.rstrip('.')}; the features of a volume are the mean over its slices."
    return replace(finding, method=told)


def _of_volumes(finding: Finding, pair: Sequence[Views]) -> Finding:
    """Return the finding of a metric that knows no subjects with what that does to its interval."""
    if not isinstance(finding, Estimate) or finding.interval is None:
        return finding
    if all(shared_subjects(views) is None for views in pair):
        return finding
    return replace(finding, warnings=(*finding.warnings, TOO_NARROW))


def _about(
    finding: Finding, extractor: str, cohorts: Cohorts, group: Group, pair: Sequence[Views]
) -> Finding:
    """Return the finding with what the metric could not know.

    Args:
        extractor: that it was seen through; empty for one that names it itself.
    """
    if extractor:
        finding = replace(finding, extractor=extractor)
    if isinstance(finding, Estimate):
        table = cohorts.tables.get((finding.extractor, cohorts.real.name))
        real, synthetic = pair
        return replace(
            finding,
            group=group.name,
            warnings=(*finding.warnings, *group.warnings, *(table.warnings if table else ())),
            subjects_real=shared_subjects(real),
            subjects_synthetic=shared_subjects(synthetic),
        )
    return finding


def shared_subjects(views: Views) -> int | None:
    """Return how many subjects there are, None if as many as volumes."""
    codes = views.codes
    count = len(np.unique(codes))
    return count if count < len(codes) else None


def _keep(
    findings: Findings, new: Sequence[Finding], cohorts: Cohorts, synthetic: Cohort, group: Group
) -> None:
    for finding in new:
        if isinstance(finding, Estimate):
            findings.estimates.append(replace(finding, synthetic=synthetic.name))
        elif group.name:
            continue  # scores and details are those of whole cohorts
        elif isinstance(finding, Detail):
            findings.details.append(replace(finding, synthetic=synthetic.name))
        else:
            findings.scores += _rows(finding, cohorts, synthetic)


def _rows(scores: Scores, cohorts: Cohorts, synthetic: Cohort) -> list[VolumeScore]:
    real = cohorts.real
    partners: dict[int, Entry] = {}
    if not len(scores.real):
        places = cohorts.pairs[synthetic.name]
        partners = {i: real.entries[place] for i, place in enumerate(places)}
    sides = [(synthetic, real, scores.synthetic)]
    if not partners:
        sides.insert(0, (real, synthetic, scores.real))
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
            where=scores.where,
            pair=partners[i].id if partners else "",
            subject=(partners[i].subject or "") if partners else "",
        )
        for cohort, other, values in sides
        for i, (entry, info, value) in enumerate(
            zip(cohort.entries, cohort.infos, values, strict=True)
        )
    ]
