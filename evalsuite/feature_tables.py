"""The features of an evaluation by extractor and cohort, made by one process or by several."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalsuite import beforehand
from evalsuite.config import EvaluationConfig
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, Staged, load_extractor
from evalsuite.extractors.slices import resliced
from evalsuite.features import Extraction, FeatureCache
from evalsuite.preparation import Preparation
from evalsuite.processes import cores, processes, threads
from evalsuite.records import Caveat, FeatureTable
from evalsuite.resources import Resources
from evalsuite.sharing import Part, Shares, meet
from evalsuite.volumes.cohort import Cohort


def feature_tables(
    config: EvaluationConfig,
    cohorts: Sequence[Cohort],
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
    resources: Resources,
) -> dict[tuple[str, str], FeatureTable]:
    """Return the features by extractor and cohort, with what makes them doubtful.

    Of several processes each makes a share; this one waits for those of the others.

    Args:
        cohorts: checked.
        preparations: by name of the extractor.
    """
    me, jobs = processes(), extractions(cohorts, extractors, preparations, resources)
    if me.world > 1:
        parts = [Part(number, me.world) for number in range(me.world)]
        shares = Shares([[file for job in jobs for file in job.share(p)] for p in parts], me)
        share_tables(jobs, cohorts, resources)
        for late in shares.overdue(resources.cache, resources.tell):
            _make_late(jobs, late, resources)
    tables: dict[tuple[str, str], FeatureTable] = {}
    for job in jobs:
        name = f"{job.extractor.name}: features of {job.cohort.name}"
        with resources.progress(name, len(job.cohort.entries)) as advance:
            table = job.table(advance)
        preparation = preparations[job.extractor.name]
        told_of = (*table.warnings, *doubts(config, job.extractor, preparation, job.cohort))
        tables[job.extractor.name, job.cohort.name] = replace(table, warnings=told_of)
    return tables


def share_tables(
    jobs: Sequence[Extraction], cohorts: Sequence[Cohort], resources: Resources
) -> None:
    """Put this process's share of the features into the cache, where others look for them.

    Args:
        jobs: see `extractions`.
        cohorts: all that this process sees.
    """
    me = processes()
    seen = hashlib.sha256("".join(cohort.fingerprint for cohort in cohorts).encode()).hexdigest()
    meet(resources.cache, me, seen)
    fill_tables(jobs, resources)


def fill_tables(jobs: Sequence[Extraction], resources: Resources) -> list[int]:
    """Put this process's part of the features into the cache; return how many were made of each."""
    made, part = [], resources.part
    with threads(cores()):
        for job in jobs:
            name = f"{job.extractor.name}: features of {job.cohort.name}, {part}"
            with resources.progress(name, len(job.share(part))) as advance:
                made.append(job.fill(part, advance))
    return made


def extractions(
    cohorts: Sequence[Cohort],
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
    resources: Resources,
) -> list[Extraction]:
    """Return what is to be extracted, in this order.

    Several layers of one network that see the same volumes take one pass: the last layer is the
    first, and its pass leaves the rows of the others in the cache.
    """
    layers = {e.name: _layers(e, extractors, preparations) for e in extractors}
    return [
        Extraction(
            cohort,
            preparations[extractor.name].of(cohort),
            extractor,
            FeatureCache(resources.cache),
            resources.batch_size,
            resources.workers,
            layers[extractor.name],
            resources.tell,
        )
        for extractor in sorted(extractors, key=lambda e: -len(layers[e.name]))
        for cohort in cohorts
    ]


def _make_late(jobs: Sequence[Extraction], late: Sequence[Path], resources: Resources) -> None:
    """Make rows that another process was to bring."""
    with resources.progress("features of a rank that is late", len(late)) as advance:
        for job in reversed(jobs):
            own = set(job.share(Part()))
            for _ in job.made([file for file in late if file in own]):
                advance()


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
        engine=config.engine,
    )
