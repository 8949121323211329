"""What the numbers of the metric of slices mean."""

from dataclasses import replace

from evalsuite.metrics.slices.profiles import PLANES
from evalsuite.records import Quantity

CONSISTENCY = Quantity(
    name="slice_consistency",
    title="Consistency",
    sentence="how usual the most unusual slice of a volume is, median over volumes; real volumes "
    "are judged by the same rule.",
    direction="nearer the reference is better",
    range="-∞ to ∞",
    bias="order statistics, distribution-free",
    chapter="slices",
)
FAULTS = Quantity(
    name="slice_faults",
    title="Volumes with a faulty slice",
    sentence="share of volumes with a slice so unusual that only the share given as within real of "
    "new real volumes has one.",
    direction="lower is better",
    range="0 to 1",
    bias="exact",
    chapter="slices",
    flagged="Volumes with a slice that stands out",
    by_group=True,
)
SIMILARITY = Quantity(
    name="slice_similarity",
    title="Likeness of neighbours",
    sentence="correlation of each slice with the next; too high is too smooth, too low is broken.",
    direction="nearer the reference is better",
    range="-1 to 1",
    bias="t interval over subjects",
    chapter="slices",
    per="plane",
)
OUTSIDE = replace(
    SIMILARITY,
    name="slice_profile_outside",
    title="Neighbours out of range",
    sentence="share of slices whose correlation with the next is beyond what 95 % of real volumes "
    "have at that place.",
    range="0 to 1",
)
POWER = replace(
    SIMILARITY,
    name="slice_power_ratio",
    title="Detail across slices",
    sentence="fine detail across slices over that within them; unlike real where slices were made "
    "one by one or blurred along one axis.",
    range="0 to ∞",
)
BRIGHTNESS = replace(
    SIMILARITY,
    name="slice_brightness_jump",
    title="Brightness steps",
    sentence="change of brightness from slice to slice, in percent.",
    range="0 to ∞",
    unit="%",
)
PERIOD = replace(
    SIMILARITY,
    name="slice_brightness_period",
    title="Brightness stripes",
    sentence="how strongly the brightness repeats at regular distances.",
    range="-∞ to ∞",
)
SHARPNESS = replace(
    SIMILARITY,
    name="slice_sharpness_jump",
    title="Sharpness steps",
    sentence="how far the sharpness of a slice departs from that of its neighbours.",
    range="0 to ∞",
)
FRECHET = Quantity(
    name="slice_frechet",
    title="Fréchet distance of slices",
    sentence="how far apart single slices of both cohorts lie, by simple texture.",
    direction="lower is better",
    range="0 to ∞",
    bias="biased upward at small n, as its reference is; infinitesimal jackknife over subjects",
    chapter="slices",
    per="plane",
)
QUANTITIES = (
    CONSISTENCY, FAULTS, SIMILARITY, OUTSIDE, POWER, BRIGHTNESS, PERIOD, SHARPNESS, FRECHET,
)  # fmt: skip
SCORE = Quantity(
    name="slice_consistency",
    title="Slice consistency",
    sentence="0 or above for slices as in most real volumes, far below for a slice that stands out.",
    direction="higher is better",
    range="-∞ to ∞",
    bias="real volumes are scored against the others",
)
SCORES = (
    SCORE,
    *(
        replace(SCORE, name=f"{SCORE.name}_{plane}", title=f"{SCORE.title}, {plane}")
        for plane in PLANES
    ),
)
