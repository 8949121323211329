"""Consistency between slices: whether those of synthetic volumes hold together as real ones do.

Slices across x, y and z are the sagittal, coronal and axial ones. Everything is set against real
volumes, whose slices change from one to the next as well: a number alone says nothing.
"""

import numpy as np
from jaxtyping import Float

from evalsuite.metrics.metric import (
    FalsePositiveRate,
    Finding,
    Metric,
    UndefinedError,
    Views,
    judging_options,
)
from evalsuite.metrics.slices.consistency import FOLDS, Deviations, grids, judge
from evalsuite.metrics.slices.estimates import (
    SliceMeasures,
    cohort_estimates,
    fault_threshold,
    plane_estimates,
)
from evalsuite.metrics.slices.frechet import described
from evalsuite.metrics.slices.profiles import CUES, FEWEST_SLICES, PLANES, content, power, profiles
from evalsuite.metrics.slices.quantities import QUANTITIES, SCORES
from evalsuite.metrics.slices.shown import bands, worst
from evalsuite.records import Caveat, Detail, Scores

FEWEST_REAL = 3
FEW_REAL = 20  # below which medians and spreads of the real cohort are rough
TOO_FEW = Caveat(
    "too-few-for-slices",
    f"The slice metric needs at least {FEWEST_REAL} real volumes and a synthetic one, but got "
    "{real} real and {synthetic} synthetic.",
)
FEW = Caveat(
    "few-for-slices",
    "Only {n} real volumes tell what is usual between slices: too few for a firm conclusion.",
)
THIN = Caveat(
    "too-thin",
    f"{{missing}} of {{n}} {{role}} volumes have fewer than {FEWEST_SLICES} slices with content "
    "across every plane, or none, and were left out.",
)


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int = 0,
    false_positive_rate: FalsePositiveRate = 0.05,
) -> list[Finding]:
    """Return how well the slices of synthetic volumes hold together, beside those of real ones.

    For each plane, `sagittal`, `coronal` and `axial`, the mean over synthetic volumes of

    - `slice_similarity_*`: correlation of neighbouring slices, in [-1, 1];
    - `slice_profile_outside_*`: share of the slices in which that lies outside the central 95 %
      of real volumes at the same relative position, in [0, 1];
    - `slice_power_ratio_*`: high-frequency power across the slices over that within them;
    - `slice_brightness_jump_*`: change of brightness between neighbours, in percent;
    - `slice_brightness_period_*`: log F of the most periodic of these changes;
    - `slice_sharpness_jump_*`: change of log sharpness;

    and `slice_frechet_*`, the squared Frechet distance of slice descriptors. Of the cohort,
    `slice_consistency`, the median of the scores of that name, and `slice_faults`, the share of
    volumes with a score that only `false_positive_rate` of real ones fall below. Distances and
    faults are better the lower they are, all else the nearer to what real volumes have: neighbours
    may also be too alike.

    A score falls where a slice stands out or neighbours are less alike than those of real volumes,
    noise throughout included. Blur throughout does not lower it; the means show that. Empty outer
    slices, which padding makes, are left out throughout.

    Args:
        real, synthetic: volumes of one shape.
        seed: of the random parts of the real cohort behind the reference of the Frechet distances.
        false_positive_rate: share of real volumes that may count as faulty.

    Raises:
        ValueError: for a rate outside (0, 1), fewer than 3 real volumes or no synthetic one,
            volumes of different shapes, values that are not finite.
    """
    if len(real.names) < FEWEST_REAL or not len(synthetic.names):
        raise UndefinedError(TOO_FEW(real=len(real.names), synthetic=len(synthetic.names)))
    x, y, z = real.volumes[0].shape
    known, new = (
        _measured(views, role, (x, y, z))
        for views, role in ((real, "Real"), (synthetic, "Synthetic"))
    )
    theirs, ours = judge(
        grids(known.profiles, known.shape), grids(new.profiles, new.shape), known.subjects
    )
    overall, *by_plane = _scores(theirs, ours)
    warnings = _warnings(overall)
    threshold, rate = fault_threshold(overall.real, false_positive_rate)
    shown: dict[str, object] = {
        "real": bands(known),
        "synthetic": bands(new),
        "worst": worst(synthetic.names, synthetic.volumes, new, ours),
        "real_scores": overall.real,
        "synthetic_scores": overall.synthetic,
        "threshold": threshold,
        "rate": rate,
    }
    return [
        *cohort_estimates(
            overall.real, overall.synthetic, new.subjects, false_positive_rate, warnings
        ),
        *(e for axis in range(3) for e in plane_estimates(known, new, axis, seed, warnings)),
        overall,
        *by_plane,
        Detail("slices", shown),
    ]


def _measured(views: Views, role: str, shape: tuple[int, int, int]) -> SliceMeasures:
    """Read each volume of a cohort once and measure it."""
    found, spectra, descriptors = [], [], []
    for name, volume in zip(views.names, views.volumes, strict=True):
        if tuple(volume.shape) != shape:
            raise UndefinedError(
                f"{role} volume {name} is {_text(tuple(volume.shape))} voxels, but the first real one"
                f" is {_text(shape)}. The slice metric needs one shape: set it in the preprocessing."
            )
        voxels = volume.detach().cpu().double().numpy()
        if not np.isfinite(voxels).all():
            raise UndefinedError(f"{role} volume {name} holds NaN or infinite values.")
        box = content(voxels)
        found.append(profiles(voxels, box))
        spectra.append(power(voxels[box], views.spacing))
        descriptors.append(described(voxels[box]))
    return SliceMeasures(
        views.codes, found, np.array(spectra), np.array(descriptors), views.spacing, shape
    )


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _scores(real: Deviations, synthetic: Deviations) -> list[Scores]:
    """Return the score of each volume over all planes, then by plane."""

    def lowest(deviations: Float[np.ndarray, "n p cues"]) -> Float[np.ndarray, " n"]:
        largest = np.where(np.isnan(deviations), -np.inf, deviations).max(axis=(1, 2))
        return np.where(np.isinf(largest), np.nan, -largest)

    cues = ", ".join(cue.text for cue in CUES)
    chosen = [(slice(None), "all planes")]
    chosen += [(slice(i, i + 1), f"{plane} slices") for i, plane in enumerate(PLANES)]
    return [
        Scores(
            name=score.name,
            real=lowest(real.largest[:, planes]),
            synthetic=lowest(synthetic.largest[:, planes]),
            direction=score.direction,
            method=(
                f"Minus the largest robust z-score over {where} and {len(CUES)} cues ({cues}): of each"
                " slice against real volumes at the same relative position, then of the largest of"
                " the volume against those of real volumes, z = (value - median) / (1.4826 MAD)."
                f" Real volumes are judged by the others, in {FOLDS} parts or one by one."
            ),
        )
        for score, (planes, where) in zip(SCORES, chosen, strict=True)
    ]


def _warnings(scores: Scores) -> tuple[Caveat, ...]:
    found = []
    if len(scores.real) < FEW_REAL:
        found.append(FEW(n=len(scores.real)))
    for role, values in (("real", scores.real), ("synthetic", scores.synthetic)):
        if missing := int(np.isnan(values).sum()):
            found.append(THIN(missing=missing, n=len(values), role=role))
    return tuple(found)


METRIC = Metric(
    name="slices",
    summary="consistency between slices per plane: similarity, jumps, spectra, 2.5D Frechet distance",
    needs=("volumes", "subjects"),
    compute=compute,
    quantities=QUANTITIES,
    scores=SCORES,
    methods="Consistency between slices was assessed in three planes by the correlation of "
    "neighbouring slices, steps of brightness and sharpness, and the power spectrum across slices, "
    "against what real volumes show",
)
