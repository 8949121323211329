"""One evaluation as one function: configuration in, results out. It knows no MLflow."""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalsuite import beforehand, plugins
from evalsuite.config import CohortSource, EvaluationConfig
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError, VolumeError
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
from evalsuite.records import CohortRecord, Evaluation, Evidence, FeatureTable
from evalsuite.volumes.check import check_cohort, check_volume
from evalsuite.volumes.cohort import Cohort, find_leaks, leakage_sentence
from evalsuite.volumes.doubts import geometry_doubts, unneeded
from evalsuite.volumes.labels import Segmentations, check_labels, label_files
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.subjects import shared_sentence, shared_subjects
from evalsuite.writable import refuse_unwritable

TRAINING = "training"  # name of the cohort that the generator was trained on


@dataclass(frozen=True, slots=True)
class Resources:
    """What an evaluation runs on; none of it changes a number.

    Args:
        cache: folder of the feature cache.
        device: torch device for networks.
        batch_size: volumes a network sees at once.
        workers: processes for extractors that run on the processor; None: all cores.
        offline: never ask the network for weights.
        progress: how to show progress.
        tell: what to do with a sentence on something that was named and has no effect.
    """

    cache: Path
    device: str = "auto"
    batch_size: int = 4
    workers: int | None = None
    offline: bool = False
    progress: Progress = silent
    tell: Callable[[str], None] = warnings.warn


def evaluate(config: EvaluationConfig, resources: Resources) -> tuple[Evaluation, Evidence]:
    """Compare each synthetic cohort with the real one.

    Nothing heavy starts before every name, weight and volume has been checked.

    Raises:
        EvalsuiteError: for anything that is wrong with the configuration or the volumes.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    device = str(usable_device(resources.device))  # whether or not an extractor will use it
    metrics = load_metrics(config)
    config.synthetic_steps(config.steps())  # wrong ones are told before weights are loaded
    computed = [metric for metric, _ in metrics]
    names = config.extractors if beforehand.needs_features(computed) else ()
    beforehand.refuse_strangers(computed, names)
    extractors = loaded_extractors(config, names, resources)
    steps = [config.steps(wants) for wants in (None, *(e.wants for e in extractors))]
    steps += [config.synthetic_steps(one) for one in steps]
    for sentence in beforehand.idle(config, computed, extractors):
        resources.tell(sentence)
    if extractors:
        refuse_unwritable(resources.cache, "--cache DIR")
    real, *synthetic = _checked_cohorts(config, steps, resources)
    training = _training(config, [c.name for c in (real, *synthetic)], resources)
    told = unneeded(config.stated(), [real, *synthetic, *([training] if training else [])])
    told += geometry_doubts(training, real) if training else []
    real = replace(real, warnings=(*real.warnings, *told))
    own = prepared(config, real)
    preparations = {e.name: prepared(config, real, e.wants) for e in extractors}
    on_voxels = [metric.name for metric in computed if "volumes" in metric.needs]
    _forbid_native_shapes(on_voxels, own, extractors, preparations)
    looked_at = {"": own} if on_voxels else {}
    real, *synthetic = judged(
        (real, *synthetic), own, looked_at | preparations, mixed=config.protocol is not None
    )
    _forbid_leaks(config, real, synthetic)
    if training and not config.allow_leakage:
        _forbid_training_on(training, real)
    if not any("training" in metric.needs for metric in computed):
        training = None
    for cohort in synthetic:
        by_covariate(
            real, cohort, config.by
        )  # a column that makes none is told before any heavy work
    labels = _labels(config, metrics, real, synthetic, resources.progress)

    compared = (real, *synthetic)
    cohorts = (*compared, *([training] if training else []))
    tables = feature_tables(config, cohorts, extractors, preparations, resources)
    findings = measure(
        metrics,
        extractors,
        Cohorts(real, synthetic, training, labels, tables, own),
        by=config.by,
        progress=resources.progress,
    )
    record = _record(config, cohorts, labels, own, preparations, extractors, metrics)
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
            # What was changed of a protocol is told as such.
            caveats = () if config.protocol else preparation.caveats()
            shape = preparation.of(cohort).shape
            if extractor.slices and not isinstance(shape, str):
                caveats += extractor.slices.doubts(shape)
            told_of = (*table.warnings, *caveats)
            tables[extractor.name, cohort.name] = replace(table, warnings=told_of)
    return tables


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


def _forbid_native_shapes(
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


def _checked_cohorts(
    config: EvaluationConfig, steps: Sequence[Preprocessing], resources: Resources
) -> list[Cohort]:
    real, *synthetic = names = [config.real.name or "real", *map(cohort_name, config.synthetic)]
    refuse_one_name(names)
    stated = config.stated()
    cohorts = [read_cohort(config.real.path, name=real, role="real", stated=stated)]
    for source, name in zip(config.synthetic, synthetic, strict=True):
        cohorts.append(read_cohort(source.path, name=name, role="synthetic", stated=stated))
    # One volume tells whether the steps are possible; its faults are told with those of all.
    with suppress(VolumeError):
        first = check_volume(cohorts[0].entries[0].path, cohorts[0].entries[0].stated)
        for one in steps:
            one.resolve([first.shape], [first.affine])
    checked: list[Cohort] = []
    for cohort in cohorts:
        with resources.progress(f"checking {cohort.name}", len(cohort.entries)) as advance:
            checked.append(
                check_cohort(
                    cohort,
                    skip_invalid=config.skip_invalid,
                    advance=advance,
                    real=checked[0] if checked else None,
                )
            )
    return checked


def cohort_name(source: CohortSource) -> str:
    """Return the name of a synthetic cohort: the user's, or that of its file or folder."""
    path = Path(source.path)
    return source.name or (path.stem if path.is_file() else path.name) or "synthetic"


def refuse_one_name(names: Sequence[str]) -> None:
    """Raise EvalsuiteError if two cohorts have one name."""
    for name in names:
        if names.count(name) > 1:
            raise EvalsuiteError(
                f'Two cohorts are called "{name}". Name them, such as --synthetic NAME=DIR.'
            )


def _training(
    config: EvaluationConfig, names: Sequence[str], resources: Resources
) -> Cohort | None:
    """Return the checked cohort that the generator was trained on, if it was named."""
    if config.training is None:
        return None
    if TRAINING in names:
        raise EvalsuiteError(
            f'A cohort is called "{TRAINING}", which is the name of the one that --training names. '
            "Name it otherwise, such as --real NAME=DIR."
        )
    stated = config.stated()
    cohort = read_cohort(config.training.path, name=TRAINING, role="real", stated=stated)
    with resources.progress(f"checking {TRAINING}", len(cohort.entries)) as advance:
        return check_cohort(cohort, skip_invalid=config.skip_invalid, advance=advance)


def _labels(
    config: EvaluationConfig,
    metrics: Sequence[tuple[Metric, dict[str, Any]]],
    real: Cohort,
    synthetic: Sequence[Cohort],
    progress: Progress,
) -> dict[str, Segmentations]:
    """Return the segmentations of the cohorts that have some, by name of the cohort."""
    wanted = [metric.name for metric, _ in metrics if "labels" in metric.needs]
    if not wanted:
        return {}
    found = {}
    for cohort, source in zip((real, *synthetic), (config.real, *config.synthetic), strict=True):
        files = label_files(cohort, source.labels)
        if files is None:
            raise EvalsuiteError(
                f"The metric {wanted[0]} needs a label map for each volume of {cohort.name}. Name "
                "their folder with --real-labels or --synthetic-labels, or in a column label of "
                "the cohort's table."
            )
        with progress(f"checking label maps of {cohort.name}", len(files)) as advance:
            found[cohort.name] = check_labels(cohort, files, advance)
    return found


def _forbid_leaks(config: EvaluationConfig, real: Cohort, synthetic: list[Cohort]) -> None:
    for i, cohort in enumerate(synthetic):
        leaks = find_leaks(real, cohort)
        if not leaks:
            continue
        sentence = leakage_sentence(real, cohort, leaks)
        if not config.allow_leakage:
            raise EvalsuiteError(f"{sentence} Remove them, or pass --allow-leakage.")
        synthetic[i] = replace(cohort, warnings=(*cohort.warnings, sentence))


def _forbid_training_on(training: Cohort, real: Cohort) -> None:
    """Refuse a hold-out with a volume, or a subject, that the generator was trained on."""
    told = []
    if copies := find_leaks(training, real):
        told.append(leakage_sentence(training, real, copies))
    if subjects := shared_subjects(training, real):
        told.append(shared_sentence(training, real, subjects))
    if told:
        raise EvalsuiteError(
            f"{' '.join(told)} A hold-out must not have been trained on: remove them from one of "
            "the two, or pass --allow-leakage."
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


def cohort_record(cohort: Cohort) -> CohortRecord:
    """Return what results say of a checked cohort."""
    return CohortRecord(
        name=cohort.name,
        role=cohort.role,
        source=cohort.source,
        fingerprint=cohort.fingerprint,
        volumes=tuple(entry.id for entry in cohort.entries),
        subjects=len(set(cohort.subjects)) if any(e.subject for e in cohort.entries) else None,
        skipped=tuple(str(fault) for fault in cohort.skipped),
        warnings=cohort.warnings,
    )
