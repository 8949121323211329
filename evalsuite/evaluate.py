"""One evaluation as one function: configuration in, results out. It knows no MLflow."""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalsuite import beforehand, pairing, plugins
from evalsuite.cohorts import (
    checked_cohorts,
    cohort_record,
    forbid_training_on,
    labels_of,
    training_cohort,
    with_leaks,
)
from evalsuite.config import EvaluationConfig
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, Staged, load_extractor
from evalsuite.extractors.slices import resliced
from evalsuite.features import FeatureCache, extract
from evalsuite.groups import by_covariate
from evalsuite.machine import usable_device
from evalsuite.measure import Cohorts, measure
from evalsuite.metrics.metric import Metric
from evalsuite.preparation import Preparation, judged, prepared
from evalsuite.preprocessed import mid_slices
from evalsuite.progress import Progress, silent
from evalsuite.protocols.changes import recorded
from evalsuite.records import Caveat, Evaluation, Evidence, FeatureTable
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.doubts import geometry_doubts, unneeded
from evalsuite.volumes.index import VolumeIndex
from evalsuite.volumes.labels import Segmentations
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.writable import refuse_unwritable

NONE_HELD: Mapping[str, Cohort] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resources:
    """What an evaluation runs on; none of it changes a number.

    Args:
        cache: folder of the feature cache.
        device: torch device for networks.
        batch_size: volumes a network sees at once.
        workers: processes for extractors that run on the processor; None: all cores.
        offline: never ask the network for weights.
        reread: read and check every volume, though its file is unchanged since it was checked.
        progress: how to show progress.
        tell: what to do with a sentence on something that was named and has no effect.
    """

    cache: Path
    device: str = "auto"
    batch_size: int = 4
    workers: int | None = None
    offline: bool = False
    reread: bool = False
    progress: Progress = silent
    tell: Callable[[str], None] = warnings.warn

    @property
    def index(self) -> VolumeIndex:
        """What is known of volumes that were checked before; it lies in the cache."""
        return VolumeIndex(self.cache / "volumes", trusted=not self.reread)


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
    device = str(usable_device(resources.device))  # whether or not an extractor will use it
    metrics = load_metrics(config)
    config.synthetic_steps(config.steps())  # wrong ones are told before weights are loaded
    computed = [metric for metric, _ in metrics]
    wanted = config.extractors if beforehand.needs_features(computed) else ()
    beforehand.refuse_strangers(computed, wanted)
    beforehand.refuse_pairs_missing(config, computed)
    extractors = loaded_extractors(config, wanted, resources)
    steps = [config.steps(wants) for wants in (None, *(e.wants for e in extractors))]
    steps += [config.synthetic_steps(one) for one in steps]
    for sentence in beforehand.idle(config, computed, extractors):
        resources.tell(sentence)
    if extractors:
        refuse_unwritable(resources.cache, "--cache DIR")
    real, *synthetic = checked_cohorts(config, steps, resources.progress, held, resources.index)
    names = [cohort.name for cohort in (real, *synthetic)]
    training = training_cohort(config, names, resources.progress, held, resources.index)
    told = unneeded(config.stated(), [real, *synthetic, *([training] if training else [])])
    told += geometry_doubts(training, real) if training else []
    told += pairing.doubts(config.steps()) if config.paired else []
    real = replace(real, warnings=(*real.warnings, *told))
    paired = pairing.all_pairs(real, synthetic, config.paired)
    own = prepared(config, real)
    preparations = {e.name: prepared(config, real, e.wants) for e in extractors}
    on_voxels = [metric.name for metric in computed if "volumes" in metric.needs]
    alike = [
        metric.name for metric in computed if {"volumes", "pairs"} & {*metric.needs} == {"volumes"}
    ]
    forbid_native_shapes(alike, own, extractors, preparations)
    looked_at = {"": own} if on_voxels else {}
    real, *synthetic = judged(
        (real, *synthetic), own, looked_at | preparations, mixed=config.protocol is not None
    )
    synthetic = [with_leaks(real, c, allowed=config.allow_leakage) for c in synthetic]
    if training and not config.allow_leakage:
        forbid_training_on(training, real)
    if not any("training" in metric.needs for metric in computed):
        training = None
    for cohort in synthetic:
        by_covariate(real, cohort, config.by)  # a column that makes none is told now
    labels = labels_of(config, metrics, real, synthetic, resources.progress)

    compared = (real, *synthetic)
    cohorts = (*compared, *([training] if training else []))
    tables = feature_tables(config, cohorts, extractors, preparations, resources)
    findings = measure(
        metrics,
        extractors,
        Cohorts(real, synthetic, training, labels, tables, own, paired),
        by=config.by,
        progress=resources.progress,
    )
    record = _record(config, cohorts, labels, own, preparations, extractors, metrics)
    if paired:
        record["paired"] = {name: list(places) for name, places in paired.items()}
    evaluation = Evaluation(
        real=cohort_record(real),
        synthetic=tuple(cohort_record(cohort) for cohort in synthetic),
        estimates=tuple(findings.estimates),
        config=record,
        config_hash=hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest(),
        environment=environment() | {"device": device},
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
    )
    slices = {cohort.name: mid_slices(cohort, own.of(cohort)) for cohort in compared}
    shown = tuple(tables[e.name, c.name] for e in extractors for c in compared)
    return evaluation, Evidence(shown, slices, tuple(findings.scores), tuple(findings.details))


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


def feature_tables(
    config: EvaluationConfig,
    cohorts: Sequence[Cohort],
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
    resources: Resources,
) -> dict[tuple[str, str], FeatureTable]:
    """Return the features by extractor and cohort, with what makes them doubtful.

    Several layers of one network that see the same volumes take one pass.

    Args:
        cohorts: checked.
        preparations: by name of the extractor.
    """
    cache = FeatureCache(resources.cache)
    tables: dict[tuple[str, str], FeatureTable] = {}
    layers = {e.name: _layers(e, extractors, preparations) for e in extractors}
    # The last layer first: its pass leaves the rows of the others in the cache.
    for extractor in sorted(extractors, key=lambda e: -len(layers[e.name])):
        for cohort in cohorts:
            preparation = preparations[extractor.name]
            table = _extracted(
                cohort,
                preparation.of(cohort),
                extractor,
                cache,
                resources,
                layers[extractor.name],
            )
            told_of = (*table.warnings, *doubts(config, extractor, preparation, cohort))
            tables[extractor.name, cohort.name] = replace(table, warnings=told_of)
    return tables


def doubts(
    config: EvaluationConfig, extractor: Extractor, preparation: Preparation, cohort: Cohort
) -> tuple[Caveat, ...]:
    """Return why features are doubtful because of what the extractor was shown."""
    # What was changed of a protocol is told as such.
    caveats = () if config.protocol else preparation.caveats()
    shape = preparation.of(cohort).shape
    if extractor.slices and not isinstance(shape, str):
        caveats += extractor.slices.doubts(shape)
    return caveats


def _extracted(
    cohort: Cohort,
    steps: Preprocessing,
    extractor: Extractor,
    cache: FeatureCache,
    resources: Resources,
    layers: Sequence[Extractor],
) -> FeatureTable:
    """Return the features of a cohort, with progress; see `evalsuite.features.extract`."""
    label = f"{extractor.name}: features of {cohort.name}"
    with resources.progress(label, len(cohort.entries)) as advance:
        return extract(
            cohort,
            steps,
            extractor,
            cache,
            batch_size=resources.batch_size,
            workers=resources.workers,
            advance=advance,
            layers=layers,
        )


def _layers(
    extractor: Extractor, others: Sequence[Extractor], preparations: Mapping[str, Preparation]
) -> list[Extractor]:
    """Return the earlier layers of the same network that see the same volumes."""
    alike = [o for o in others if preparations[o.name].hash == preparations[extractor.name].hash]
    return extractor.beneath(alike) if isinstance(extractor, Staged) else []


def loaded_extractors(
    config: EvaluationConfig, names: Sequence[str], resources: Resources
) -> list[Extractor]:
    """Return extractors with their weights, and the slices that the configuration chooses.

    Raises:
        EvalsuiteError: for unknown ones, weights that are absent or not theirs, and impossible
            slices.
    """
    extractors = [
        resliced(load_extractor(name, _options(config, name, resources)), config.slices)
        for name in names
    ]
    beforehand.refuse_idle_weights(config.weights, extractors)
    return extractors


def _options(config: EvaluationConfig, name: str, resources: Resources) -> ExtractorOptions:
    weights = config.weights.get(name.partition("@")[0]) or config.weights.get("")
    return ExtractorOptions(
        weights=Path(weights) if weights else None,
        device=resources.device,
        offline=resources.offline,
        precision=config.precision,
    )


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


def _record(
    config: EvaluationConfig,
    cohorts: Sequence[Cohort],
    labels: Mapping[str, Segmentations],
    own: Preparation,
    preparations: Mapping[str, Preparation],
    extractors: list[Extractor],
    metrics: list[tuple[Metric, dict[str, Any]]],
) -> dict[str, object]:
    return {
        "protocol": recorded(
            config.model_dump(mode="json"), beforehand.own_weights(config.weights, extractors)
        ),
        "cohorts": {cohort.name: cohort.fingerprint for cohort in cohorts},
        "subjects": {c.name: _subjects(c) for c in cohorts if any(e.subject for e in c.entries)},
        "label maps": {name: maps.fingerprint for name, maps in labels.items()},
        **own.record(),
        "extractors": {
            e.name: {
                **e.fingerprint,
                "standardised_by_real_cohort": e.standardise,
                **preparations[e.name].record(),
            }
            for e in extractors
        },
        "metrics": {metric.name: options for metric, options in metrics},
        "by": config.by,
        "assumed geometry": asdict(config.stated()),
        "seed": config.seed,
    }


def _subjects(cohort: Cohort) -> dict[str, object]:
    """Return how many subjects there are, and a hash of which volume shows which."""
    names = json.dumps(cohort.subjects).encode()
    return {"count": len(set(cohort.subjects)), "sha256": hashlib.sha256(names).hexdigest()}
