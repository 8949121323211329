"""The frozen records that travel between the rooms of the suite."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Direction = Literal["lower is better", "higher is better", "nearer the reference is better"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval around an estimate.

    Args:
        low, high: the ends, in the unit of the estimate.
        level: the nominal coverage, 0.95 for a 95 % interval.
        method: how it was made, one clause.
    """

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of an evaluation with everything needed to judge it.

    Args:
        name: snake-case name of the quantity, such as `frechet_distance`.
        value: the number; nan where it is undefined, and then `warnings` says why.
        direction: what a good generator does to it.
        n_real, n_synthetic: volumes (or pairs, where `method` says so) that went in.
        method: the variant, its parameters and its source, in a sentence or two.
        interval: uncertainty of `value`, or None where the method has none.
        standard_error: in the unit of `value`, or None.
        reference: the same quantity within the real cohort, where that is the yardstick.
        warnings: reasons not to trust the number, each one plain sentence.
        synthetic, extractor: which cohort and which features it is about; metrics leave both
            empty, the evaluation fills them in (`extractor` stays empty for metrics on volumes).
    """

    name: str
    value: float
    direction: Direction
    n_real: int
    n_synthetic: int
    method: str
    interval: Interval | None = None
    standard_error: float | None = None
    reference: float | None = None
    warnings: tuple[str, ...] = ()
    synthetic: str = ""
    extractor: str = ""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """The features of one cohort by one extractor.

    Args:
        cohort: name of the cohort.
        values: one row of d features per volume, in the order of the cohort.
        volumes: one identifier per row.
        extractor: name of the extractor.
        warnings: what the extractor says of its own trustworthiness.
    """

    cohort: str
    extractor: str
    volumes: tuple[str, ...]
    values: Float[np.ndarray, "n d"]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MidSlices:
    """The three slices through the middle of one preprocessed volume, for figures.

    Args:
        volume: identifier of the volume.
        sagittal, coronal, axial: intensities, indexed (y, z), (x, z) and (x, y) in RAS+.
        spacing: millimetres along x, y and z.
    """

    volume: str
    sagittal: Float[np.ndarray, "y z"]
    coronal: Float[np.ndarray, "x z"]
    axial: Float[np.ndarray, "x y"]
    spacing: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class CohortRecord:
    """What an evaluation keeps of a cohort.

    Args:
        name: as in the results, unique within an evaluation.
        role: which side of the comparison it is on.
        source: folder, glob or manifest it was read from, as given.
        fingerprint: SHA-256 over the contents of its volumes in their order.
        volumes: identifiers (paths relative to the source) in order.
        skipped: one `path: problem` for each volume that `--skip-invalid` left out.
        warnings: reasons to doubt the cohort, each one plain sentence.
    """

    name: str
    role: Literal["real", "synthetic"]
    source: str
    fingerprint: str
    volumes: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The whole answer of one run, and everything that made it.

    Args:
        real: the real cohort.
        synthetic: the synthetic cohorts, in the order given.
        estimates: long table: every estimate of every synthetic cohort and extractor.
        config: the resolved configuration (cohorts, preprocessing, extractors with their
            fingerprints, metrics with their options, seed), JSON-serialisable; a rerun with the
            same gives the same numbers.
        config_hash: SHA-256 of `config`.
        environment: versions, platform, git commit with a dirty flag, JSON-serialisable.
        started: UTC, ISO 8601.
        seconds: wall-clock time of the run.
    """

    real: CohortRecord
    synthetic: tuple[CohortRecord, ...]
    estimates: tuple[Estimate, ...]
    config: dict[str, object]
    config_hash: str
    environment: dict[str, object]
    started: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures of an evaluation are drawn from; never needed to read its numbers.

    Args:
        features: one table per cohort and extractor.
        slices: by name of the cohort, the mid-slices of its first few volumes.
    """

    features: tuple[FeatureTable, ...]
    slices: dict[str, tuple[MidSlices, ...]]
