"""Real volumes in, a certificate out: which faults which metrics see at this number of volumes."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from evalsuite import __version__
from evalsuite.certificate import ALPHA, Certificate
from evalsuite.certification.design import split
from evalsuite.certification.faults import PLANTINGS
from evalsuite.certification.modes import modes
from evalsuite.certification.planted import together, with_fault
from evalsuite.certification.trials import Bench, Trying, judged
from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import NONE_HELD, load_metrics, ready, settled
from evalsuite.feature_tables import extractions, fill_tables, loaded_extractors
from evalsuite.memory import default_budget
from evalsuite.metrics.metric import Metric
from evalsuite.metrics.subjects import coded, count, members
from evalsuite.resources import Resources
from evalsuite.seeds import sequence
from evalsuite.volumes.cohort import Cohort

FEWEST = 16  # subjects
FEWEST_SPLITS = math.ceil(1 / ALPHA) - 1
MOST = 200  # volumes, unless more are asked for
SPLITS, PLANTED = 199, 25
NOT_OF_FEATURES = "faults are planted, and judged, in features alone, and it looks at more"
UNDEFINED = "it is undefined between some of the real halves"


@dataclass(frozen=True, slots=True)
class Design:
    """How a certificate is made.

    Args:
        volumes: the most that are drawn, by subject.
        splits: halvings that set the limits.
        planted: in how many of them faults are planted.
    """

    volumes: int = MOST
    splits: int = SPLITS
    planted: int = PLANTED


USUAL = Design()


def certify(
    config: EvaluationConfig,
    resources: Resources,
    design: Design = USUAL,
    held: Mapping[str, Cohort] = NONE_HELD,
) -> Certificate:
    """Return what metrics see of faults planted in halves of the real cohort.

    Args:
        config: whose real cohort, metrics, extractors and settings count; synthetic ones do not.
        held: see `evaluate`.

    Raises:
        EvalsuiteError: for too few subjects, no metric of features, and anything that is wrong
            with the configuration or the volumes.
    """
    if design.splits < FEWEST_SPLITS:
        raise EvalsuiteError(
            f"{design.splits} splits tell no limit that {ALPHA:.0%} of real halves pass; it takes "
            f"{FEWEST_SPLITS}."
        )
    clock = time.monotonic()
    metrics, left_out = _of_features(load_metrics(config))
    extractors = loaded_extractors(config, config.extractors, resources)
    config = config.model_copy(update={"synthetic": ()})
    found = ready(config, extractors, [], resources, held)
    real = _some_of(found.real, design.volumes, config.seed)
    subjects = coded(real.subjects)
    if count(subjects) < FEWEST:
        raise EvalsuiteError(
            f"{config.real.path}: {count(subjects)} subjects are too few to be split into halves "
            f"again and again; a certificate needs {FEWEST}."
        )
    faulty = {
        (planting.fault.name, strength): with_fault(
            real, planting.fault.name, strength, config.seed
        )
        for planting in PLANTINGS
        for strength in planting.strengths
    }
    everything = together([real, *faulty.values()], "volumes with faults")
    fill_tables(extractions([everything], extractors, found.preparations, resources), resources)
    bench = Bench(
        config=config,
        resources=resources,
        real=real,
        subjects=subjects,
        halves=split(subjects, design.splits, config.seed),
        planted=min(design.planted, design.splits),
        faulty=faulty,
        extractors=extractors,
        preparations=found.preparations,
        metrics=metrics,
        memory=(config.memory or default_budget()) // 2,
    )
    usual = bench.tables(real)
    features = usual[extractors[0].name].values
    tryings = [Trying(planting) for planting in PLANTINGS]
    tryings += [Trying(*mode) for mode in modes(real, features, config.by, config.seed)]
    numbers, undefined = judged(bench, tryings, usual)
    return Certificate(
        real={
            "name": real.name,
            "source": real.source,
            "fingerprint": real.fingerprint,
            "volumes": len(found.real.entries),
            "drawn": len(real.entries),
            "subjects": count(subjects),
        },
        half=(float(np.mean([len(of.held_out) for of in bench.halves])), count(subjects) / 2),
        splits=len(bench.halves),
        planted=bench.planted,
        seed=config.seed,
        faults=tuple(trying.planting.fault for trying in tryings),
        judged=tuple(numbers),
        left_out=left_out | dict.fromkeys(undefined, UNDEFINED),
        record=settled(config, extractors, found.preparations, metrics),
        evalsuite=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 1),
    )


def _of_features(
    metrics: Sequence[tuple[Metric, dict[str, Any]]],
) -> tuple[list[tuple[Metric, dict[str, Any]]], dict[str, str]]:
    """Return the metrics that can be judged, and why others that give numbers cannot."""
    numeric = [(metric, options) for metric, options in metrics if metric.quantities]
    chosen = [(m, o) for m, o in numeric if m.by_extractor and "pairs" not in m.needs]
    if not chosen:
        raise EvalsuiteError(
            f"No metric of {', '.join(m.name for m, _ in metrics)} gives numbers of features alone. "
            "Name some with --metrics, such as frechet,mmd,precision_recall."
        )
    names = {metric.name for metric, _ in chosen}
    return chosen, {m.name: NOT_OF_FEATURES for m, _ in numeric if m.name not in names}


def _some_of(real: Cohort, most: int, seed: int) -> Cohort:
    """Return whole subjects of a cohort drawn at random, up to so many volumes."""
    if len(real.entries) <= most:
        return real
    whose = members(coded(real.subjects))
    order = np.random.default_rng(sequence(seed, "volumes")).permutation(len(whose))
    sizes = np.cumsum([len(whose[i]) for i in order])
    rows = sorted(np.concatenate([whose[i] for i in order[sizes <= most]]).tolist())
    return replace(
        real,
        entries=tuple(real.entries[i] for i in rows),
        infos=tuple(real.infos[i] for i in rows),
    )
