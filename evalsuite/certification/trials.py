"""Every fault at every severity in halves of a cohort, and what each number of a metric makes of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from evalsuite.certificate import Judged, Trial
from evalsuite.certification.design import Split, drawn
from evalsuite.certification.faults import Planting
from evalsuite.certification.judge import least, limits, sign, trend, tried
from evalsuite.certification.values import Chosen, Number, numbers
from evalsuite.config import EvaluationConfig
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import feature_tables
from evalsuite.preparation import Preparation
from evalsuite.progress import silent
from evalsuite.records import FeatureTable
from evalsuite.resources import Resources
from evalsuite.volumes.cohort import Cohort

Key = tuple[str, Number]  # extractor and number
Values = Float[np.ndarray, " r"]


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
    metrics: Chosen
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
    tasks = sum(len(t.planting.fault.levels) * bench.planted for t in tryings)
    tasks += len(bench.halves) * (1 + sum(t.mode is not None for t in tryings))
    with bench.resources.progress("metrics of halves", tasks) as advance:

        def values(trying: Trying, level: float, count: int) -> tuple[dict[Key, Values], float]:
            planting = trying.planting
            cohort = bench.faulty.get((planting.fault.name, planting.strength or level))
            tables = usual if cohort is None or level == 0 else bench.tables(cohort)
            found, sizes = [], []
            for of in bench.halves[:count]:
                own = drawn(planting, level, of, bench.subjects, bench.config.seed, trying.mode)
                sizes.append(len(own.rows))
                found.append(
                    {
                        (extractor.name, number): value
                        for extractor in bench.extractors
                        for number, value in numbers(
                            [(m, o) for m, o in bench.metrics if m.takes(extractor.name)],
                            extractor,
                            (usual[extractor.name], tables[extractor.name]),
                            of.real,
                            own,
                            bench.subjects,
                            bench.memory,
                        ).items()
                    }
                )
                advance()
            return _by_key(found), float(np.mean(sizes))

        plain = values(tryings[0], 0.0, len(bench.halves))
        series: dict[str, _Series] = {}
        for trying in tryings:
            fault = trying.planting.fault
            without, n = plain if trying.mode is None else values(trying, 0.0, len(bench.halves))
            levels = {level: values(trying, level, bench.planted)[0] for level in fault.levels}
            series[fault.name] = _Series(n, without, levels)
    known = [
        key for key in plain[0] if all(np.isfinite(s.usual[key]).all() for s in series.values())
    ]
    undefined = [f"{number.name} ({e})" for e, number in plain[0] if (e, number) not in known]
    return [_judged(key, plain[0][key], series) for key in known], undefined


def _by_key(found: Sequence[Mapping[Key, float]]) -> dict[Key, Values]:
    """Return the values of each number by split, nan where it is undefined."""
    keys = dict.fromkeys(key for one in found for key in one)
    return {key: np.array([one.get(key, math.nan) for one in found]) for key in keys}


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
