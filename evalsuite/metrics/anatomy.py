"""Whether the structures of synthetic label maps are those of real anatomy."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from scipy import ndimage

from evalsuite.metrics.metric import (
    Finding,
    LabelMap,
    Metric,
    UndefinedError,
    Views,
    judging_options,
)
from evalsuite.metrics.shapes import Shape, shape_of
from evalsuite.metrics.subjects import (
    LEVEL,
    Subjects,
    count,
    halved,
    proportion_interval,
    resampled,
)
from evalsuite.places import Where
from evalsuite.records import Caveat, Detail, Estimate, Interval, Quantity, Scores

FEW = 20
RARE = Caveat(
    "rare-structure",
    "The structure is in fewer than two subjects of a cohort, or is the same in all.",
)
ROUGH = Caveat(
    "rough-anatomy",
    "Only {real} real and {synthetic} synthetic {unit}: the distance is biased upward and rough.",
)
UNKNOWN = Caveat(
    "unknown-structures",
    "{count} of {n} synthetic volumes have structures that no real one has, such as {structure}; "
    "those are not compared. Do both cohorts number structures alike?",
)
HALVES = 50
MEASURES = ("volume", "surface", "sphericity")
AXES = ("right", "anterior", "superior")
UNITS = {"volume": "ml", "surface": "mm2", "sphericity": "no unit"} | dict.fromkeys(AXES, "mm")
APART = Quantity(
    name="anatomy_volume",
    title="Volume apart",
    sentence="how far apart the volumes of a structure lie in both cohorts, in standard deviations "
    "of the real ones; about the value within real if they are alike.",
    direction="lower is better",
    range="0 to ∞",
    bias="1-Wasserstein distance, biased upward at small n, as its reference is; bootstrap over "
    "subjects",
    unit="standard deviations of the real cohort",
    chapter="anatomy",
    on="label maps",
    per="structure",
)
OTHERS = {
    "surface": ("Surface apart", "the same for the area of its surface."),
    "sphericity": (
        "Roundness apart",
        "the same for its sphericity, which is 1 for a ball and less for any other shape.",
    ),
    "right": (
        "Position apart, left to right",
        "the same for how far the centre of the second structure lies right of the first.",
    ),
    "anterior": (
        "Position apart, back to front",
        "the same for how far it lies in front of the first.",
    ),
    "superior": (
        "Position apart, bottom to top",
        "the same for how far it lies above the first.",
    ),
}
FAULTS = Quantity(
    name="anatomy_faults",
    title="Faulty structures",
    sentence="share of volumes in which the structure is missing, in several parts, or has cavities "
    "or tunnels; read it against the real share, as segmentations have such faults, too.",
    direction="nearer the reference is better",
    range="0 to 1",
    bias="exact",
    chapter="anatomy",
    by_group=True,
    on="label maps",
    per="structure",
)
OUTLYINGNESS = Quantity(
    name="anatomy_outlyingness",
    title="Most unusual measure",
    sentence="of any structure, in robust standard deviations from the real median; above 3 or so "
    "the anatomy is unusual.",
    direction="lower is better",
    range="0 to ∞",
    unit="robust standard deviations of the real cohort",
    on="label maps",
)


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int,
    replicates: Annotated[int, Field(ge=2, description="replicates of the bootstrap")] = 500,
) -> list[Finding]:
    """Compare volume, surface, sphericity, positions of structures to one another, and topology.

    Measures of a structure S are its volume, surface and sphericity; of two structures S and T,
    how far the centre of T lies to the right of, in front of and above that of S.
    `anatomy_S_M` and `anatomy_S_T_M` is the 1-Wasserstein distance of the distributions of measure M of structure S in
    units of the real standard deviation (0 if alike, lower is better; biased upward by few
    volumes, and so is its reference, what two real samples of these sizes would have, from random
    halves of the real cohort). `anatomy_S_faults` is
    the share of synthetic volumes whose structure is missing, or has more parts, cavities or
    tunnels than one part without any. The score `anatomy_outlyingness` of a volume is the largest
    distance of a measure from the real median, in robust standard deviations.

    Args:
        real, synthetic: with label maps.
        seed: of bootstrap and halves.
        replicates: of the bootstrap.

    Raises:
        ValueError: without label maps, or if the real ones have no structure.
    """
    if real.labels is None or synthetic.labels is None:
        msg = "Anatomy needs label maps of both cohorts."
        raise UndefinedError(msg)
    if not len(real.labels) or not len(synthetic.labels):
        msg = "Anatomy needs at least one real and one synthetic volume."
        raise UndefinedError(msg)
    ours, theirs = [_shapes(m) for m in real.labels], [_shapes(m) for m in synthetic.labels]
    structures = sorted({s for shapes in ours for s in shapes})
    if not structures:
        msg = "The real label maps hold no structure, only background."
        raise UndefinedError(msg)
    unknown = _unknown(theirs, structures)
    random = np.random.default_rng(seed)
    names, table = _table(ours, structures)
    _, other = _table(theirs, structures)
    findings: list[Finding] = []
    for column, (measure, where) in enumerate(names):
        known = [np.isfinite(t[:, column]) for t in (table, other)]
        pair = [t[k, column] for t, k in zip((table, other), known, strict=True)]
        subjects = Subjects(real.codes[known[0]], synthetic.codes[known[1]])
        findings.append(_distance(measure, where, pair[0], pair[1], subjects, replicates, random))
    for structure in structures:
        findings.append(_faults(structure, ours, theirs, synthetic.codes, unknown))  # noqa: PERF401
    findings.append(_outlyingness(table, other))
    values = {
        "measures": [(measure, tuple(dict(where).values())) for measure, where in names],
        "real": table,
        "synthetic": other,
    }
    findings.append(Detail("anatomy", values))
    return findings


def _shapes(label_map: LabelMap) -> dict[int, Shape]:
    # Each structure is cut out first: to look at the whole volume once per structure is slow.
    found = {}
    for value, box in enumerate(ndimage.find_objects(label_map.labels), start=1):
        if box is not None:
            corner = (box[0].start, box[1].start, box[2].start)
            found[value] = shape_of(label_map.labels[box] == value, label_map.spacing, corner)
    return found


def _table(
    shapes: Sequence[dict[int, Shape]], structures: Sequence[int]
) -> tuple[list[tuple[str, Where]], Float[np.ndarray, "n k"]]:
    """Return the measures of every volume, nan where a structure is missing."""
    columns: dict[tuple[str, Where], list[float]] = {}
    for structure in structures:
        for measure in MEASURES:
            columns[measure, (("structure", str(structure)),)] = [
                float(getattr(own[structure], measure)) if structure in own else math.nan
                for own in shapes
            ]
    for i, first in enumerate(structures):
        for second in structures[i + 1 :]:
            where = (("structure", str(first)), ("other", str(second)))
            for axis, name in enumerate(AXES):
                columns[name, where] = [
                    own[second].centroid[axis] - own[first].centroid[axis]
                    if first in own and second in own
                    else math.nan
                    for own in shapes
                ]
    return list(columns), np.array(list(columns.values())).T.reshape(len(shapes), len(columns))


def _distance(
    measure: str,
    where: Where,
    real: Float[np.ndarray, " m"],
    synthetic: Float[np.ndarray, " n"],
    subjects: Subjects,
    replicates: int,
    random: np.random.Generator,
) -> Estimate:
    from scipy import stats

    unit = UNITS[measure]
    scale = float(real.std(ddof=1)) if len(real) > 1 else 0.0
    common = {
        "name": f"anatomy_{measure}",
        "where": where,
        "direction": APART.direction,
        "n_real": len(real),
        "n_synthetic": len(synthetic),
    }
    sizes = [count(subjects.real), count(subjects.synthetic)]
    if min(sizes) < 2 or scale == 0:
        return Estimate(value=math.nan, method="1-Wasserstein distance", warnings=(RARE,), **common)  # type: ignore[arg-type]
    value = stats.wasserstein_distance(real, synthetic) / scale
    rows = (resampled(codes, random, replicates) for codes in (subjects.real, subjects.synthetic))
    drawn = [
        stats.wasserstein_distance(real[first], synthetic[second]) / scale
        for first, second in zip(*rows, strict=True)
    ]
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.mean(drawn) + value
    halves = []
    for _ in range(HALVES):
        first, second = halved(subjects.real, random)
        halves.append(stats.wasserstein_distance(real[first], real[second]) / scale)
    half = sizes[0] // 2
    # Of two samples of one distribution it is in proportion to (1/m + 1/n)^(1/2).
    smaller = math.sqrt(sum(1 / s for s in sizes) / (1 / half + 1 / (sizes[0] - half)))
    shift = float(synthetic.mean() - real.mean())
    repeated = sizes != [len(real), len(synthetic)]
    # The test takes volumes for independent, which those of one subject are not.
    test = (
        ""
        if repeated
        else "; Kolmogorov-Smirnov p = "
        f"{float(stats.ks_2samp(real, synthetic).pvalue):.3g}, not corrected"
    )
    counted = ROUGH(real=sizes[0], synthetic=sizes[1], unit="subjects" if repeated else "volumes")
    return Estimate(
        value=float(value),
        method=f"1-Wasserstein distance over the real standard deviation ({scale:.4g} {unit}); "
        f"means differ by {shift:.4g} {unit}{test}; reference: two real samples of these sizes, from "
        f"{HALVES} random halves of the real cohort",
        interval=Interval(
            max(0.0, float(low)), float(high), LEVEL, "bootstrap over subjects, shifted"
        ),
        reference=float(np.mean(halves)) * smaller,
        warnings=(counted,) if min(sizes) < FEW else (),
        **common,  # type: ignore[arg-type]
    )


def _unknown(
    synthetic: Sequence[dict[int, Shape]], structures: Sequence[int]
) -> tuple[Caveat, ...]:
    """Return a warning if there are structures that no real volume has."""
    extra = sorted({s for shapes in synthetic for s in shapes} - set(structures))
    if not extra:
        return ()
    count = sum(any(s in shapes for s in extra) for shapes in synthetic)
    return (UNKNOWN(count=count, n=len(synthetic), structure=str(extra[0])),)


def _faults(
    structure: int,
    real: Sequence[dict[int, Shape]],
    synthetic: Sequence[dict[int, Shape]],
    subjects: Int[np.ndarray, " n"],
    warnings: tuple[Caveat, ...],
) -> Estimate:
    def faulty(shapes: dict[int, Shape]) -> bool:
        own = shapes.get(structure)
        return own is None or own.components > 1 or own.cavities > 0 or own.tunnels > 0

    theirs, ours = (np.array([faulty(shapes) for shapes in c]) for c in (real, synthetic))
    return Estimate(
        name=FAULTS.name,
        where=(("structure", str(structure)),),
        value=float(ours.mean()),
        direction=FAULTS.direction,
        n_real=len(real),
        n_synthetic=len(synthetic),
        method="share of volumes whose structure is missing, in several parts (26-connected), or "
        "has cavities or tunnels (Euler characteristic)",
        interval=proportion_interval(ours, subjects),
        reference=float(theirs.mean()),
        warnings=warnings,
    )


def _outlyingness(real: Float[np.ndarray, "m k"], synthetic: Float[np.ndarray, "n k"]) -> Scores:
    middle = np.nanmedian(real, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(real - middle), axis=0)
    spread = np.where(spread > 0, spread, np.nan)
    scores = []
    for table in (real, synthetic):
        apart = np.abs(table - middle) / spread
        some = np.isfinite(apart).any(axis=1)
        scores.append(np.where(some, np.nanmax(np.where(some[:, None], apart, 0), axis=1), np.nan))
    return Scores(
        name=OUTLYINGNESS.name,
        real=scores[0],
        synthetic=scores[1],
        direction=OUTLYINGNESS.direction,
        method="largest distance of a measure of a structure from the real median, in robust "
        "standard deviations (1.4826 MAD) of the real cohort",
    )


METRIC = Metric(
    name="anatomy",
    summary="Structures of label maps: volume, surface, shape, positions, topology against real.",
    needs=("labels", "subjects"),
    compute=compute,
    quantities=(
        APART,
        *(
            replace(
                APART,
                name=f"anatomy_{measure}",
                title=title,
                sentence=sentence,
                per="pair of structures" if measure in AXES else "structure",
            )
            for measure, (title, sentence) in OTHERS.items()
        ),
        FAULTS,
    ),
    scores=(OUTLYINGNESS,),
    methods="Structures of the label maps were compared in volume, surface, sphericity and "
    "distances by the 1-Wasserstein distance in units of the real standard deviation, and in the "
    "share of topological faults",
)
