"""Every fault at every severity in halves of a cohort, and what each number of a metric makes of it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from evalsuite.ahead import ahead, worker_processes
from evalsuite.certificate import Judged, Trial
from evalsuite.certification.design import Split
from evalsuite.certification.faults import Planting
from evalsuite.certification.judge import least, limits, sign, trend, tried
from evalsuite.certification.values import Key, Seen, Task, Values
from evalsuite.config import EvaluationConfig
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import feature_tables
from evalsuite.metrics.metric import Metric
from evalsuite.preparation import Preparation
from evalsuite.processes import cores
from evalsuite.progress import silent
from evalsuite.records import FeatureTable
from evalsuite.resources import Resources
from evalsuite.volumes.cohort import Cohort


@dataclass(frozen=True, slots=True)
class Bench:
    """What faults are tried on.

    Args:
        config, resources: of the call.
        real: the volumes that were drawn.
        subjects: theirs, as codes.
        halves: of them.
        planted: in how many of these faults are planted.
        faulty: volumes with a fault, by its name and strength.
        extractors, preparations: of features.
        metrics: of features alone, with their options.
        memory: bytes that one may hold.
    """

    config: EvaluationConfig
    resources: Resources
    real: Cohort
    subjects: Int[np.ndarray, " n"]
    halves: Sequence[Split]
    planted: int
    faulty: Mapping[tuple[str, float], Cohort]
    extractors: Sequence[Extractor]
    preparations: Mapping[str, Preparation]
    metrics: Sequence[tuple[Metric, Mapping[str, Any]]]
    memory: int

    def tables(self, cohort: Cohort) -> dict[str, FeatureTable]:
        """Return the features of a cohort, which are in the cache, by extractor."""
        quiet = replace(self.resources, progress=silent)
        found = feature_tables(self.config, [cohort], self.extractors, self.preparations, quiet)
        return {extractor: table for (extractor, _), table in found.items()}


@dataclass(frozen=True, slots=True)
class Trying:
    """One fault, with the volumes that it leaves out if it is that of a mode."""

    planting: Planting
    mode: Bool[np.ndarray, " n"] | None = None


@dataclass(frozen=True, slots=True)
class _Series:
    """Badness by split of one fault.

    Args:
        n: volumes on the faulty side, on average.
        usual: without the fault.
        faulty: by severity.
    """

    n: float
    usual: dict[Key, Values]
    faulty: dict[float, dict[Key, Values]]


def judged(
    bench: Bench, tryings: Sequence[Trying], usual: Mapping[str, FeatureTable]
) -> tuple[list[Judged], list[str]]:
    """Return every number of every metric with its trials, and the numbers that are undefined.

    Args:
        usual: features of the volumes without a fault, by extractor.
    """
    plain = (tryings[0], 0.0)
    steps = [plain, *((trying, 0.0) for trying in tryings if trying.mode is not None)]
    steps += [(trying, level) for trying in tryings for level in trying.planting.fault.levels]
    tasks = (_task(bench, trying, level, usual) for trying, level in steps)
    with bench.resources.progress("metrics of halves", len(steps)) as advance:
        found = []
        for values in _in_processes(tasks, bench.resources.workers or cores(), len(steps)):
            found.append(values)
            advance()
    by_step = {
        (t.planting.fault.name, level): v for (t, level), v in zip(steps, found, strict=True)
    }
    series = {}
    for trying in tryings:
        name, levels = trying.planting.fault.name, trying.planting.fault.levels
        without, n = found[0] if trying.mode is None else by_step[name, 0.0]
        series[name] = _Series(n, without, {level: by_step[name, level][0] for level in levels})
    keys = list(found[0][0])
    known = [key for key in keys if all(_defined(of.usual, key) for of in series.values())]
    undefined = [f"{number.name} ({extractor})" for extractor, number in keys]
    undefined = [name for name, key in zip(undefined, keys, strict=True) if key not in known]
    return [_judged(key, found[0][0][key], series) for key in known], undefined


def _task(bench: Bench, trying: Trying, level: float, usual: Mapping[str, FeatureTable]) -> Task:
    planting = trying.planting
    cohort = bench.faulty.get((planting.fault.name, planting.strength or level))
    tables = usual if cohort is None or level == 0 else bench.tables(cohort)
    return Task(
        planting=planting,
        level=level,
        mode=trying.mode,
        halves=bench.halves if level == 0 else bench.halves[: bench.planted],
        subjects=bench.subjects,
        seen=[Seen(e.name, e.standardise, usual[e.name], tables[e.name]) for e in bench.extractors],
        metrics=[(metric.name, options) for metric, options in bench.metrics],
        seed=bench.config.seed,
        memory=bench.memory,
    )


def _in_processes(
    tasks: Iterable[Task], workers: int, count: int
) -> Iterator[tuple[dict[Key, Values], float]]:
    """Yield the values of tasks in their order, a few of which are held at a time."""
    if workers == 1:
        yield from map(Task.values, tasks)
        return
    pool = partial(worker_processes, start=_alone)
    yield from ahead(Task.values, tasks, workers=min(workers, count), most=workers + 2, pool=pool)


def _alone() -> None:
    """Let torch keep to the core of its worker."""
    import torch

    torch.set_num_threads(1)


def _defined(usual: Mapping[Key, Values], key: Key) -> bool:
    return key in usual and bool(np.isfinite(usual[key]).all())


def _judged(key: Key, plain: Values, series: Mapping[str, _Series]) -> Judged:
    extractor, number = key
    to_value = sign(number.direction)
    return Judged(
        metric=number.metric,
        name=number.name,
        where=number.where,
        extractor=extractor,
        direction=number.direction,
        usual=to_value * float(np.median(plain)),
        limit=to_value * limits(plain)[0],
        least=least(plain),
        trials=tuple(_trial(fault, key, of) for fault, of in series.items()),
    )


def _trial(fault: str, key: Key, of: _Series) -> Trial:
    usual = of.usual[key]
    nothing = np.full(len(next(iter(of.faulty.values()))), math.nan)
    faulty = {level: values.get(key, nothing) for level, values in of.faulty.items()}
    planted = len(next(iter(faulty.values())))
    return Trial(
        fault=fault,
        n=round(of.n),
        trend=trend(np.array([usual[:planted], *faulty.values()]), tuple(faulty)),
        tried=tuple(
            tried(level, usual, values, round(of.n), key[1].direction)
            for level, values in faulty.items()
        ),
    )
