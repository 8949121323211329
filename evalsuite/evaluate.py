"""One evaluation as one function: configuration in, results out. It knows no MLflow."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from evalsuite import beforehand, pairing, plugins
from evalsuite.certified import Certified
from evalsuite.cohorts import (
    checked_cohorts,
    checked_masks,
    cohort_record,
    forbid_training_on,
    labels_of,
    training_cohort,
    with_leaks,
)
from evalsuite.config import EvaluationConfig
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_maps import map_distances, refuse_without_maps
from evalsuite.feature_tables import extractions, feature_tables, loaded_extractors, share_tables
from evalsuite.groups import by_covariate
from evalsuite.machine import usable_device
from evalsuite.measure import Cohorts, measure
from evalsuite.memory import Kept, default_budget
from evalsuite.memory import told as told_size
from evalsuite.metrics.metric import Metric
from evalsuite.preparation import Preparation, judged, prepared
from evalsuite.preprocessed import mid_slices
from evalsuite.protocols.changes import recorded
from evalsuite.ranking import measured_on
from evalsuite.records import Difference, Evaluation, Evidence, VolumeScore
from evalsuite.resources import Resources
from evalsuite.results import score_rows
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.doubts import geometry_doubts, unneeded
from evalsuite.volumes.labels import Segmentations
from evalsuite.writable import refuse_unwritable

NONE_HELD: Mapping[str, Cohort] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ready:
    """Cohorts that have been checked, and how they are prepared.

    Args:
        real, synthetic, training: `training` is None if no metric looks at it.
        own: for metrics on voxels.
        preparations: for extractors, by name.
        paired: the place of the real volume that goes with each synthetic one, by cohort.
    """

    real: Cohort
    synthetic: Sequence[Cohort]
    training: Cohort | None
    own: Preparation
    preparations: Mapping[str, Preparation]
    paired: Mapping[str, tuple[int, ...]]

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """All of them, the real one first."""
        return (self.real, *self.synthetic, *([self.training] if self.training else []))


@dataclass(frozen=True, slots=True)
class Plan:
    """What an evaluation is to compute, all of it checked.

    Args:
        device: where networks run.
        metrics: with all their options.
    """

    device: str
    metrics: Sequence[tuple[Metric, dict[str, Any]]]
    extractors: Sequence[Extractor]
    ready: Ready


def planned(
    config: EvaluationConfig, resources: Resources, held: Mapping[str, Cohort] = NONE_HELD
) -> Plan:
    """Check every name, weight and volume, before anything heavy starts; see `evaluate`."""
    device = str(usable_device(resources.device))  # whether or not an extractor will use it
    metrics = load_metrics(config)
    config.synthetic_steps(config.steps())  # wrong ones are told before weights are loaded
    computed = [metric for metric, _ in metrics]
    wanted = config.extractors if beforehand.needs_features(computed) else ()
    beforehand.refuse_strangers(computed, wanted)
    beforehand.refuse_pairs_missing(config, computed)
    extractors = loaded_extractors(config, wanted, resources)
    if any("maps" in metric.needs for metric in computed):
        refuse_without_maps(extractors)
    for sentence in beforehand.idle(config, computed, extractors):
        resources.tell(sentence)
    found = ready(config, extractors, computed, resources, held)
    real, training = found.real, found.training
    synthetic = [with_leaks(real, c, allowed=config.allow_leakage) for c in found.synthetic]
    if training and not config.allow_leakage:
        forbid_training_on(training, real)
    if not any("training" in metric.needs for metric in computed):
        training = None
    for cohort in synthetic:
        by_covariate(real, cohort, config.by)  # a column that makes none is told now
    return Plan(device, metrics, extractors, replace(found, synthetic=synthetic, training=training))


def ready(
    config: EvaluationConfig,
    extractors: Sequence[Extractor],
    metrics: Sequence[Metric],
    resources: Resources,
    held: Mapping[str, Cohort] = NONE_HELD,
) -> Ready:
    """Return the cohorts, checked, and how they are prepared.

    Args:
        metrics: that are to be computed of them.
    """
    steps = [config.steps(wants) for wants in (None, *(e.wants for e in extractors))]
    steps += [config.synthetic_steps(one) for one in steps]
    if extractors:
        refuse_unwritable(resources.cache, "--cache DIR")
    real, *synthetic = checked_cohorts(config, steps, resources, held)
    names = [cohort.name for cohort in (real, *synthetic)]
    training = training_cohort(config, names, resources, held)
    told = unneeded(config.stated(), [real, *synthetic, *([training] if training else [])])
    told += geometry_doubts(training, real) if training else []
    told += pairing.doubts(config.steps()) if config.paired else []
    real = replace(real, warnings=(*real.warnings, *told))
    paired = pairing.all_pairs(real, synthetic, config.paired)
    own = prepared(config, real)
    preparations = {e.name: prepared(config, real, e.wants) for e in extractors}
    on_voxels = [metric.name for metric in metrics if "volumes" in metric.needs]
    # The volumes of a pair are of one shape, whatever that of others.
    alike = [m.name for m in metrics if "volumes" in m.needs and "pairs" not in m.needs]
    forbid_native_shapes(alike, own, extractors, preparations)
    looked_at = {"": own} if on_voxels else {}
    real, *synthetic = judged(
        (real, *synthetic), own, looked_at | preparations, mixed=config.protocol is not None
    )
    return Ready(real, synthetic, training, own, preparations, paired)


def share(config: EvaluationConfig, resources: Resources) -> None:
    """Put this process's share of the features into the cache, for what the first one computes.

    Raises:
        EvalsuiteError: as `evaluate`.
    """
    plan = planned(config, replace(resources, tell=lambda _: None))  # the first one tells it
    cohorts = plan.ready.cohorts
    jobs = extractions(cohorts, plan.extractors, plan.ready.preparations, resources)
    share_tables(jobs, cohorts, resources)


def evaluate(
    config: EvaluationConfig, resources: Resources, held: Mapping[str, Cohort] = NONE_HELD
) -> tuple[Evaluation, Evidence]:
    """Compare each synthetic cohort with the real one.

    Nothing heavy starts before every name, weight and volume has been checked.

    Args:
        held: by the path that the configuration has for them, cohorts that are no files a path
            could name.

    Raises:
        EvalsuiteError: for anything that is wrong with the configuration or the volumes.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    certified = Certified.at(config.certificate) if config.certificate else None
    plan = planned(config, resources, held)
    metrics, extractors, found = plan.metrics, plan.extractors, plan.ready
    if certified:
        decided = settled(config, extractors, found.preparations, metrics)
        certified.refuse_other(decided, resources.tell)
    compared = (found.real, *found.synthetic)
    labels = labels_of(config, metrics, found.real, found.synthetic, resources.progress)
    masks = checked_masks(config, [m for m, _ in metrics], found.real, resources.progress)
    tables = feature_tables(config, found.cohorts, extractors, found.preparations, resources)
    apart = {}
    if any("maps" in metric.needs for metric, _ in metrics):
        apart = map_distances(
            found.real, found.synthetic, found.paired, extractors, found.preparations, resources
        )
    budget = config.memory or default_budget()
    findings = measure(
        metrics,
        extractors,
        Cohorts(
            found.real,
            found.synthetic,
            found.training,
            labels,
            tables,
            found.own,
            Kept(budget // 2),
            found.paired,
            masks,
            apart,
        ),
        by=config.by,
        memory=budget // 2,
        progress=resources.progress,
    )
    record = _record(config, plan, labels)
    if found.paired:
        record["paired"] = {name: list(places) for name, places in found.paired.items()}
    if masks:
        record["masks"] = masks.fingerprint
    estimates = findings.estimates
    if certified:
        record["certificate"] = certified.record
        estimates = certified.told(estimates, found.real.fingerprint)
    evaluation = Evaluation(
        real=cohort_record(found.real),
        synthetic=tuple(map(cohort_record, found.synthetic)),
        estimates=tuple(estimates),
        config=record,
        config_hash=hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest(),
        environment=environment() | {"device": plan.device, "memory": told_size(budget)},
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        differences=_differences(findings.scores) if len(found.paired) > 1 else (),
    )
    slices = {cohort.name: mid_slices(cohort, found.own.of(cohort)) for cohort in compared}
    shown = tuple(tables[e.name, c.name] for e in extractors for c in compared)
    return evaluation, Evidence(shown, slices, tuple(findings.scores), tuple(findings.details))


def _differences(scores: Sequence[VolumeScore]) -> tuple[Difference, ...]:
    """Return how any two synthetic cohorts differ that stand for the same real volumes."""
    import pandas as pd

    from evalsuite.statistics.differences import differences

    table = pd.DataFrame(score_rows(scores))
    return tuple(differences(table, measured_on)) if len(table) else ()


def load_metrics(config: EvaluationConfig) -> list[tuple[Metric, dict[str, Any]]]:
    """Return the metrics of a configuration with all their options.

    Raises:
        EvalsuiteError: for unknown ones and impossible options.
    """
    hints = {}
    if set(config.metrics) - set(plugins.available("metrics")):
        points = plugins.available("metrics").items()
        hints = {name: plugins.loaded(point).summary for name, point in points}
    loaded = []
    for name, chosen in config.metrics.items():
        metric = plugins.load("metrics", name, hints)
        if not isinstance(metric, Metric):
            raise EvalsuiteError(f'The entry point "{name}" of evalsuite.metrics is no Metric.')
        loaded.append((metric, {**metric.judged(chosen), "seed": config.seed}))
    return loaded


def forbid_native_shapes(
    metrics: Sequence[str],
    own: Preparation,
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
) -> None:
    """Refuse to leave volumes their own shapes where they are to have one."""
    need = [f"The metric {metric}" for metric in metrics if own.real.shape == "native"]
    need += [
        f"The extractor {e.name}"
        for e in extractors
        if e.slices and preparations[e.name].real.shape == "native"
    ]
    if need:
        raise EvalsuiteError(
            f'{need[0]} needs volumes of one shape, and the shape is "native". Name it with '
            "--shape X,Y,Z, or leave it out."
        )


def settled(
    config: EvaluationConfig,
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
    metrics: Sequence[tuple[Metric, dict[str, Any]]],
) -> dict[str, object]:
    """Return what decides numbers beside the volumes: protocol, extractors, metrics."""
    return {
        "protocol": recorded(
            config.model_dump(mode="json"), beforehand.own_weights(config.weights, extractors)
        ),
        "extractors": {
            e.name: {
                **e.fingerprint,
                "standardised_by_real_cohort": e.standardise,
                **preparations[e.name].record(),
            }
            for e in extractors
        },
        "metrics": {metric.name: options for metric, options in metrics},
    }


def _record(
    config: EvaluationConfig, plan: Plan, labels: Mapping[str, Segmentations]
) -> dict[str, object]:
    found, extractors = plan.ready, plan.extractors
    cohorts = found.cohorts
    return {
        **settled(config, extractors, found.preparations, plan.metrics),
        "cohorts": {cohort.name: cohort.fingerprint for cohort in cohorts},
        "subjects": {c.name: _subjects(c) for c in cohorts if any(e.subject for e in c.entries)},
        "label maps": {name: maps.fingerprint for name, maps in labels.items()},
        **found.own.record(),
        "by": config.by,
        "assumed geometry": asdict(config.stated()),
        "seed": config.seed,
    }


def _subjects(cohort: Cohort) -> dict[str, object]:
    """Return how many subjects there are, and a hash of which volume shows which."""
    names = json.dumps(cohort.subjects).encode()
    return {"count": len(set(cohort.subjects)), "sha256": hashlib.sha256(names).hexdigest()}
