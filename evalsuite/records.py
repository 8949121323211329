"""The frozen records that travel between the rooms of the suite."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Float

from evalsuite.places import Where, placed

Direction = Literal["lower is better", "higher is better", "nearer the reference is better"]
Chapter = Literal[
    "distance", "overlap", "diversity", "slices", "anatomy", "privacy", "pairs", "other"
]
Scale = Literal["nominal", "ordinal", "interval", "none"]  # of the answers to a question
Scope = Literal["cohort", "extractor", "estimate"]  # of a caveat
ALPHA = 0.05  # below which a corrected p-value is beyond chance


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a number means: declared once, by the metric that computes it.

    Table, report, methods, help and reference all read this.

    Args:
        name: snake-case, without the place that it is measured at, such as `frechet_distance`.
        title: for people, short enough for a small panel.
        sentence: what it says to a reader who knows no statistics; follows the title.
        direction: what a good generator does to it.
        range: of its values, such as `0 to 1`.
        bias: its bias, and how its interval is made.
        unit: empty where it has none.
        chapter: of the report it belongs to.
        works: by whom it was proposed, each as a list of references has it.
        role: what the summary of a report does with it: `distance` ranks generators, `test` is a
            p-value that they differ from real. Of several quantities the first declared counts.
        headline: whether it is one of the few numbers that stand for a whole evaluation.
        flagged: which volumes it is the share of, if the summary is to tell it.
        by_group: whether the report draws it by group, too.
        on: what it is computed on where no extractor is involved.
        per: of what it is one number each, such as `plane`; empty for one of the whole.
    """

    name: str
    title: str
    sentence: str
    direction: Direction
    range: str
    bias: str = ""
    unit: str = ""
    chapter: Chapter = "other"
    works: tuple[str, ...] = ()
    role: Literal["", "distance", "test"] = ""
    headline: bool = False
    flagged: str = ""
    by_group: bool = False
    on: str = "voxels"
    per: str = ""

    @property
    def told(self) -> str:
        """What it is in one line of help."""
        each = f", one per {self.per}" if self.per else ""
        values = " ".join(text for text in (self.range, self.unit) if text)
        known = "; ".join(text for text in (self.direction, values, self.bias) if text)
        return f"{self.title}{each}: {self.sentence} ({known})"


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
class Caveat:
    """A reason not to trust a number; its sentence is made where it is shown.

    Declared once, where it arises, and called with its values where it holds. Those with one key
    say one thing and are told once, see `evalsuite.caveats`; which number or cohort a caveat is
    about stands on what carries it, not in the sentence.

    Args:
        code: of this declaration alone, kebab-case.
        template: the sentence, with a field of `str.format` where a value stands; without values
            it is taken as it stands, braces and all.
        scope: what it is about.
        values: by name of the field.

    Example:
        >>> FEW = Caveat("few-volumes", "Only {n} {role} volumes.")
        >>> str(FEW(n=3, role="real"))
        'Only 3 real volumes.'
    """

    code: str
    template: str
    scope: Scope = "estimate"
    values: Mapping[str, float | str] = field(default_factory=dict, hash=False)

    def __call__(self, **values: float | str) -> Self:
        """Return the caveat with its values."""
        return replace(self, values=values)

    def __str__(self) -> str:
        return self.template.format(**self.values) if self.values else self.template

    @property
    def key(self) -> tuple[str, ...]:
        """What caveats have in common that differ in numbers alone."""
        texts = (value for value in self.values.values() if isinstance(value, str))
        return self.code, self.scope, *texts


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of an evaluation with everything needed to judge it.

    Args:
        name: of the quantity, such as `frechet_distance`.
        value: the number; nan where it is undefined, and then `warnings` says why.
        direction: what a good generator does to it.
        n_real, n_synthetic: volumes (or pairs, where `method` says so) that went in.
        method: the variant, its parameters and its source, in a sentence or two.
        interval: uncertainty of `value`, or None where the method has none.
        standard_error: in the unit of `value`, or None.
        reference: the same quantity within the real cohort, where that is the yardstick.
        warnings: reasons not to trust the number.
        synthetic, extractor: which cohort and which features it is about; metrics leave both
            empty, the evaluation fills them in (`extractor` stays empty for metrics on volumes).
        group: `COLUMN=VALUE` where only that group of both cohorts went in; filled in likewise.
        subjects_real, subjects_synthetic: subjects that these volumes show, where some show the
            same one; None where each shows another. Filled in likewise.
        test: of a p-value, the test that it is of, `permutation` or `wild bootstrap`.
        where: what part of the volumes it is about, pairs of a kind and a value such as
            `("plane", "axial")`; the kinds `structure` and `other` hold labels of structures.
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
    warnings: tuple[Caveat, ...] = ()
    synthetic: str = ""
    extractor: str = ""
    group: str = ""
    subjects_real: int | None = None
    subjects_synthetic: int | None = None
    test: str = ""
    where: Where = ()

    @property
    def key(self) -> str:
        """Name and place in one, as a row of a table is called."""
        return placed(self.name, self.where)

    @property
    def label(self) -> str:
        """Name, place, and the group where there is one."""
        return f"{self.key} [{self.group}]" if self.group else self.key


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of two synthetic cohorts that stand for the same real volumes, and its test.

    Args:
        first, second: the cohorts; the number is that of the first less that of the second.
        name, extractor, where: of the number, as of an `Estimate`.
        value: mean over subjects; nan where no subject has the number in both cohorts.
        direction: what a good generator does to the number itself.
        subjects: that have it in both cohorts.
        method: of the value, its interval and its p-value.
        interval: of the value, or None.
        p: two-sided, of no difference; nan without a test.
        p_holm: corrected by Holm's method.
        better: the cohort that is better beyond chance; empty for neither.
        warnings: reasons not to trust it.
    """

    first: str
    second: str
    name: str
    value: float
    direction: Direction
    subjects: int
    method: str
    interval: Interval | None = None
    p: float = math.nan
    p_holm: float = math.nan
    better: str = ""
    extractor: str = ""
    where: Where = ()
    warnings: tuple[Caveat, ...] = ()

    @property
    def key(self) -> str:
        """Name and place in one, as a row of a table is called."""
        return placed(self.name, self.where)


@dataclass(frozen=True, slots=True)
class Scores:
    """One number per volume of both cohorts, as a metric returns it.

    Args:
        name: snake-case name of the quantity.
        real: one per real volume, in the order of the cohort; nan where it is undefined. None at
            all where each is of a pair of volumes, which is known by the synthetic one.
        synthetic: one per synthetic volume.
        direction: what a good volume has.
        method: how it was made and its source, in a sentence.
        extractor: which features it is about; empty for the voxels.
        where: what part of the volumes it is about, as of an `Estimate`.
    """

    name: str
    real: Float[np.ndarray, " m"]
    synthetic: Float[np.ndarray, " n"]
    direction: Direction
    method: str
    extractor: str = ""
    where: Where = ()


@dataclass(frozen=True, slots=True)
class VolumeScore:
    """One number about one volume: a row of the table that lies with the results.

    Args:
        cohort, role: of the volume.
        volume: its identifier within the cohort.
        digest: SHA-256 of its bytes, by which other tables know it.
        against: the cohort on the other side of the comparison.
        extractor, name, value, direction, method, where: see `Scores`.
        pair: the real volume that this one stands for, if the number is of both; else empty.
        subject: whom the real volume of a pair shows, where it is named.
    """

    cohort: str
    role: Literal["real", "synthetic"]
    volume: str
    digest: str
    against: str
    extractor: str
    name: str
    value: float
    direction: Direction
    method: str
    where: Where = ()
    pair: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a metric keeps for the figure that shows it.

    Args:
        name: which figure it is for.
        values: arrays and plain values, by name.
        synthetic, extractor: as for an `Estimate`.
    """

    name: str
    values: dict[str, object]
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
        slices: of an extractor of slices, by plane one row per volume and slice; `values` is then
            the mean over all slices of all planes.
    """

    cohort: str
    extractor: str
    volumes: tuple[str, ...]
    values: Float[np.ndarray, "n d"]
    warnings: tuple[Caveat, ...] = ()
    slices: Mapping[str, Float[np.ndarray, "n s d"]] | None = None


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
        subjects: how many its volumes show; None where no subject is named.
        skipped: one `path: problem` for each volume that `--skip-invalid` left out.
        warnings: reasons to doubt the cohort.
        weights_sha256: of the generator that made its volumes, if their sidecars name one.
    """

    name: str
    role: Literal["real", "synthetic"]
    source: str
    fingerprint: str
    volumes: tuple[str, ...]
    subjects: int | None = None
    skipped: tuple[str, ...] = ()
    warnings: tuple[Caveat, ...] = ()
    weights_sha256: str = ""

    @property
    def shared(self) -> int | None:
        """Number of subjects where some have several volumes, None where each has one."""
        return self.subjects if self.subjects != len(self.volumes) else None


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
        differences: of synthetic cohorts that stand for the same real volumes, two at a time.
    """

    real: CohortRecord
    synthetic: tuple[CohortRecord, ...]
    estimates: tuple[Estimate, ...]
    config: dict[str, object]
    config_hash: str
    environment: dict[str, object]
    started: str
    seconds: float
    differences: tuple[Difference, ...] = ()

    @property
    def cohorts(self) -> tuple[CohortRecord, ...]:
        """The real one first."""
        return self.real, *self.synthetic

    @property
    def protocol(self) -> str:
        """The protocol with what was changed of it; empty where none was named.

        Such as `maisi-2.5d, modified: shape 64 x 64 x 64`.
        """
        protocol = self._protocol()
        if not protocol:
            return ""
        changed = ", ".join(protocol["modified"])
        return f"{protocol['name']}, modified: {changed}" if changed else str(protocol["name"])

    @property
    def standing(self) -> str:
        """Which published tables the numbers stand beside, one or two sentences."""
        protocol = self._protocol()
        if not protocol:
            return (
                "No protocol: these numbers stand beside no published table (`evalsuite protocols` "
                "lists what makes some)."
            )
        if protocol["modified"]:
            return (
                f"Protocol {self.protocol}. So changed, the numbers do not stand beside the "
                "published ones."
            )
        return f"Protocol {protocol['name']}, as in {protocol['source']}."

    def _protocol(self) -> Mapping[str, Any]:
        found = self.config.get("protocol")
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures of an evaluation are drawn from; never needed to read its numbers.

    Args:
        features: one table per cohort and extractor.
        slices: by name of the cohort, the mid-slices of its first few volumes.
        scores: one row per volume and score.
        details: by name, what a metric keeps for its figure: arrays and plain values.
    """

    features: tuple[FeatureTable, ...]
    slices: dict[str, tuple[MidSlices, ...]]
    scores: tuple[VolumeScore, ...] = ()
    details: tuple[Detail, ...] = ()
