"""Synthetic cohorts against reference statistics, as `evaluate` compares them with volumes."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite import beforehand, caveats
from evalsuite.cohorts import check, cohort_name, cohort_record, listed_cohort, refuse_one_name
from evalsuite.config import EvaluationConfig
from evalsuite.declared import validated
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import NONE_HELD, load_metrics
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import extractions, feature_tables, loaded_extractors, share_tables
from evalsuite.machine import usable_device
from evalsuite.measure import undefined, unit_of
from evalsuite.metrics.metric import Metric, UndefinedError
from evalsuite.metrics.subjects import coded
from evalsuite.moments import Moments
from evalsuite.preparation import Preparation
from evalsuite.preprocessed import mid_slices
from evalsuite.protocols.changes import recorded
from evalsuite.records import Caveat, CohortRecord, Estimate, Evaluation, Evidence, FeatureTable
from evalsuite.reference_file import WHOLE, Reference, digest, read_reference
from evalsuite.resources import Resources
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing

NOT_SEEN = Caveat(
    "real-known-by-statistics",
    "The real volumes are known by their statistics alone: whether synthetic volumes are copies of "
    "them was not looked at, and there is no yardstick within the real cohort.",
    "cohort",
)


def compare(
    config: EvaluationConfig, resources: Resources, held: Mapping[str, Cohort] = NONE_HELD
) -> tuple[Evaluation, Evidence]:
    """Compare each synthetic cohort with stored statistics of a real one.

    Metrics that need a row of each real volume are left out, with a sentence. For `held` see `evaluate`.

    Raises:
        EvalsuiteError: for statistics of other settings or weights, metrics none of which can be
            computed from statistics, and anything that is wrong with the volumes.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    path = Path(config.real.path)
    plan = planned(config, resources, held)
    reference, metrics, extractors = plan.reference, plan.metrics, plan.extractors
    cohorts, preparations = plan.cohorts, plan.preparations
    tables = feature_tables(config, cohorts, extractors, preparations, resources)
    estimates = [
        estimate
        for extractor in extractors
        for cohort in cohorts
        for metric, options in metrics
        for estimate in _estimates(
            metric, options, reference, extractor, cohort, tables[extractor.name, cohort.name]
        )
    ]
    declared = config.model_dump(mode="json")
    record = _record(config, declared, path, reference, extractors, cohorts, metrics)
    known = reference.record["real"]
    real = CohortRecord(
        name=config.real.name or known["name"],
        role="real",
        source=config.real.path,
        fingerprint=known["fingerprint"],
        volumes=tuple(f"volume {i + 1}" for i in range(known["volumes"])),
        subjects=known["subjects"],
        skipped=(),
        warnings=(*caveats.from_json(known["warnings"], "cohort"), NOT_SEEN),
    )
    evaluation = Evaluation(
        real=real,
        synthetic=tuple(cohort_record(cohort) for cohort in cohorts),
        estimates=tuple(estimates),
        config=record,
        config_hash=hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest(),
        environment=environment() | {"device": str(usable_device(resources.device))},
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
    )
    first = preparations[extractors[0].name].synthetic.along_patient()
    shown = {cohort.name: mid_slices(cohort, first) for cohort in cohorts}
    used = tuple(tables[e.name, cohort.name] for e in extractors for cohort in cohorts)
    return evaluation, Evidence(used, shown)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared with which statistics, all of it checked; as `evaluate.Plan`."""

    reference: Reference
    metrics: list[tuple[Metric, dict[str, Any]]]
    extractors: list[Extractor]
    cohorts: list[Cohort]
    preparations: dict[str, Preparation]


def planned(
    config: EvaluationConfig, resources: Resources, held: Mapping[str, Cohort] = NONE_HELD
) -> Plan:
    """Check everything before anything heavy starts; see `compare`."""
    path = Path(config.real.path)
    reference = read_reference(path)
    metrics = _possible(load_metrics(config), resources)
    extractors = loaded_extractors(config, config.extractors, resources)
    _refuse_others(path, reference, extractors)
    if config.training or config.by:
        raise EvalsuiteError(
            f"{path} holds statistics and no volumes: --training and --by need those."
        )
    if config.certificate:
        raise EvalsuiteError(
            f"{path} holds statistics and no volumes: name those with --real, or leave out "
            "--certificate."
        )
    cohorts = _checked(config, resources, held)
    preparations = {e.name: _preparation(reference, e.name) for e in extractors}
    return Plan(reference, metrics, extractors, cohorts, preparations)


def share(config: EvaluationConfig, resources: Resources) -> None:
    """Put this process's share of the features into the cache, for what the first one compares.

    Raises:
        EvalsuiteError: as `compare`.
    """
    plan = planned(config, replace(resources, tell=lambda _: None))
    jobs = extractions(plan.cohorts, plan.extractors, plan.preparations, resources)
    share_tables(jobs, plan.cohorts, resources)


def _possible(
    metrics: list[tuple[Metric, dict[str, Any]]], resources: Resources
) -> list[tuple[Metric, dict[str, Any]]]:
    """Return the metrics that need no row of a real volume, and tell of the others."""
    possible = [(metric, options) for metric, options in metrics if metric.compute_stored]
    others = [metric.name for metric, _ in metrics if not metric.compute_stored]
    if not possible:
        raise EvalsuiteError(
            f"Reference statistics hold no row of a real volume, which {', '.join(others)} "
            f"{'needs' if len(others) == 1 else 'need'}. Name volumes with --real, or --metrics "
            "frechet."
        )
    if others:
        resources.tell(
            f"Left out, as {'it needs a row' if len(others) == 1 else 'they need rows'} of the real "
            f"volumes, which reference statistics do not hold: {', '.join(others)}."
        )
    return possible


def _refuse_others(path: Path, reference: Reference, extractors: list[Extractor]) -> None:
    """Refuse statistics of features that these extractors do not make."""
    known = reference.record["extractors"]
    for extractor in extractors:
        own = json.loads(json.dumps(extractor.fingerprint))
        theirs = known[extractor.name]
        differing = [key for key in {**theirs, **own} if theirs.get(key) != own.get(key)]
        if differing:
            raise EvalsuiteError(
                f"{path}: the statistics are of another {extractor.name}, which differs in "
                f"{', '.join(differing)}. Use the same weights, engine and evalsuite."
            )


def _checked(
    config: EvaluationConfig, resources: Resources, held: Mapping[str, Cohort]
) -> list[Cohort]:
    names = list(map(cohort_name, config.synthetic))
    refuse_one_name(names)
    checked = []
    for source, name in zip(config.synthetic, names, strict=True):
        cohort = listed_cohort(source.path, name, "synthetic", config, held)
        checked.append(check(cohort, config, resources))
    return checked


def _preparation(reference: Reference, extractor: str) -> Preparation:
    """Return the resolved steps that the statistics were made with."""
    stored = reference.record["preparations"][extractor]
    real, synthetic = (
        validated(Preprocessing, stored[role], "the reference statistics")
        for role in ("real", "synthetic")
    )
    return Preparation(real, synthetic, stored.get("overridden", {}))


def _estimates(
    metric: Metric,
    options: Mapping[str, Any],
    reference: Reference,
    extractor: Extractor,
    cohort: Cohort,
    table: FeatureTable,
) -> list[Estimate]:
    import torch

    rows: Mapping[str, np.ndarray] = table.slices or {WHOLE: table.values}
    real = {plane: reference.statistics[extractor.name, plane] for plane in rows}
    if extractor.standardise:
        real, rows = _standardised(real, rows)
    tensors = {plane: torch.from_numpy(values.astype(np.float64)) for plane, values in rows.items()}
    codes = coded(cohort.subjects)
    volumes = reference.record["real"]["volumes"]
    assert metric.compute_stored  # noqa: S101  (others were left out)
    chosen = {"level": options["level"]} if "level" in options else {}
    try:
        found = metric.compute_stored(real, tensors, volumes=volumes, subjects=codes, **chosen)
    except UndefinedError as error:
        found = [undefined(metric, error, (volumes, len(codes)))]
    repeated = len(set(codes.tolist())) < len(codes)
    return [
        replace(
            estimate,
            synthetic=cohort.name,
            extractor=extractor.name,
            subjects_real=reference.record["real"]["subjects"],
            subjects_synthetic=len(set(codes.tolist())) if repeated else None,
            warnings=(*estimate.warnings, *table.warnings),
        )
        for estimate in found
    ]


def _standardised(
    real: Mapping[str, Moments], rows: Mapping[str, np.ndarray]
) -> tuple[dict[str, Moments], dict[str, np.ndarray]]:
    """Return both in units of the real spread, as `evalsuite.measure.standardise` does."""
    moved, scaled = {}, {}
    for plane, known in real.items():
        unit = unit_of(known.mean, np.sqrt((known.factor**2).sum(axis=0)))
        moved[plane] = known.scaled(known.mean, unit)
        scaled[plane] = (rows[plane].astype(np.float64) - known.mean) / unit
    return moved, scaled


def _record(
    config: EvaluationConfig,
    declared: Mapping[str, Any],
    path: Path,
    reference: Reference,
    extractors: list[Extractor],
    cohorts: list[Cohort],
    metrics: list[tuple[Metric, dict[str, Any]]],
) -> dict[str, object]:
    known = reference.record
    preparations = known["preparations"]
    return {
        "protocol": recorded(declared, beforehand.own_weights(config.weights, extractors)),
        "reference": {
            "sha256": digest(path),
            "evalsuite": known["evalsuite"],
            "created": known["created"],
        },
        "cohorts": {
            config.real.name or known["real"]["name"]: known["real"]["fingerprint"],
            **{cohort.name: cohort.fingerprint for cohort in cohorts},
        },
        "preprocessing": preparations[extractors[0].name]["real"],
        "extractors": {
            e.name: {
                **e.fingerprint,
                "standardised_by_real_cohort": e.standardise,
                "preprocessing": preparations[e.name]["real"],
                "preprocessing_synthetic": preparations[e.name]["synthetic"],
            }
            for e in extractors
        },
        "metrics": {metric.name: options for metric, options in metrics},
        "seed": config.seed,
    }
