"""What one volume tells of the consistency of its slices, axis by axis: the formulas.

Slices are sagittal (across x), coronal (across y) and axial (across z). Nothing here knows a cohort.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import ndimage

PLANES = ("sagittal", "coronal", "axial")
FEWEST_SLICES = 8  # with content, below which an axis says nothing
EMPTY = 0.3  # range of a slice over the mean one, below which it is empty
FULL = 0.9  # share of voxels that the range takes in
PERIODS = np.arange(2, 9)  # slices
WINDOW = 9  # slices that a slice is compared with
FREQUENCIES = 24
TINY = 1e-6  # keeps logarithms finite for slices that are empty or repeated


Box = tuple[slice, slice, slice]


class Cue(NamedTuple):
    """One way in which slices may not hold together.

    Args:
        name: of the field of `Profiles`.
        text: what it is, for tables and figures.
        two_sided: whether too little is as wrong as too much.
    """

    name: str
    text: str
    two_sided: bool


CUES = (
    Cue("dissimilarity", "neighbours unlike", two_sided=False),
    Cue("repetition", "neighbours too alike", two_sided=False),
    Cue("interpolation", "slice unlike the mean of its neighbours", two_sided=False),
    Cue("brightness", "brightness step", two_sided=True),
    Cue("periodicity", "periodic brightness step", two_sided=False),
    Cue("sharpness", "sharpness step", two_sided=True),
)


class Profiles(NamedTuple):
    """What the k slices of one volume across one axis say.

    Args:
        start: index of the first slice with content.
        similarity: correlation of slices i and i + 1, in [-1, 1].
        dissimilarity: log(1 - similarity).
        repetition: moving median of that less itself; above 0 where a slice is repeated.
        interpolation: log of the squared distance of slice i to the mean of i - 1 and i + 1, over
            that of slice i - 1 to that mean; below 0 where i lies between them, log 3 = 1.1 for
            noise. Slices are standardised, so that brightness and contrast do not count.
        brightness: relative change from slice i to i + 1, less its moving average.
        periodicity: per period, log of the F statistic of the brightness changes folded by it.
        sharpness: log of the mean squared Laplacian of the slice over its variance, less its
            moving median.
    """

    start: int
    similarity: Float[np.ndarray, " _"]
    dissimilarity: Float[np.ndarray, " _"]
    repetition: Float[np.ndarray, " _"]
    interpolation: Float[np.ndarray, " _"]
    brightness: Float[np.ndarray, " _"]
    periodicity: Float[np.ndarray, " _"]
    sharpness: Float[np.ndarray, " _"]


def content(voxels: Float[np.ndarray, "x y z"]) -> Box:
    """Return the box without the empty outer slices, which padding and background make.

    The range of a slice is what nine tenths of its voxels lie within around their median; a slice
    is empty if that is below 0.3 of the mean over slices. Neither a line nor a spot makes it full,
    nor faint noise. Empty slices between others stay: there, something is missing. A slice beside
    empty ones is left out as well, as it may be a blend with them.
    """
    box = []
    for axis in range(3):
        flat = np.moveaxis(voxels, axis, 0).reshape(voxels.shape[axis], -1)
        away = np.abs(flat - np.median(flat, axis=1, keepdims=True))
        ranges = np.quantile(away, FULL, axis=1)
        full = np.flatnonzero(ranges > EMPTY * ranges.mean())
        if not len(full):
            box.append(slice(0, 0))
            continue
        first, last = int(full[0]), int(full[-1])
        box.append(slice(first + (first > 0), last + (last == len(ranges) - 1)))
    return box[0], box[1], box[2]


def profiles(voxels: Float[np.ndarray, "x y z"], box: Box) -> tuple[Profiles | None, ...]:
    """Return the profiles across x, y and z; None across an axis with too few slices.

    Args:
        voxels: finite intensities; brightness counts from the least of them.
        box: from `content`.
    """
    inside = voxels[box] - voxels.min()
    if min(inside.shape) < 3:
        return (None, None, None)
    return tuple(
        _across(np.ascontiguousarray(np.moveaxis(inside, axis, 0)), box[axis].start)
        if inside.shape[axis] >= FEWEST_SLICES
        else None
        for axis in range(3)
    )


def _across(slices: Float[np.ndarray, "k h w"], start: int) -> Profiles:
    flat = slices.reshape(len(slices), -1)
    standard = standardised(flat)
    similarity = correlations(standard)
    unlike = np.log(np.maximum(1 - similarity, TINY))
    changes = brightness_changes(flat)
    changes -= ndimage.uniform_filter1d(changes, WINDOW, mode="nearest")
    sharpness = log_sharpness(slices)
    return Profiles(
        start=start,
        similarity=similarity,
        dissimilarity=unlike,
        repetition=ndimage.median_filter(unlike, WINDOW, mode="nearest") - unlike,
        interpolation=interpolation_ratio(standard),
        brightness=changes,
        periodicity=folded(changes),
        sharpness=sharpness - ndimage.median_filter(sharpness, WINDOW, mode="nearest"),
    )


def standardised(flat: Float[np.ndarray, "k p"]) -> Float[np.ndarray, "k p"]:
    """Return the slices with mean 0 and sum of squares 1; an empty slice becomes 0."""
    centred = flat - flat.mean(axis=1, keepdims=True)
    squares = np.square(centred).sum(axis=1)
    empty = squares <= EMPTY**2 * squares.mean()
    scaled: Float[np.ndarray, "k p"] = centred / np.sqrt(np.where(empty, np.inf, squares))[:, None]
    return scaled


def correlations(standard: Float[np.ndarray, "k p"]) -> Float[np.ndarray, " k-1"]:
    """Return the normalised cross-correlation of each slice with the next; 0 if one is empty."""
    found: Float[np.ndarray, " _"] = np.einsum("ip,ip->i", standard[:-1], standard[1:])
    return found


def interpolation_ratio(standard: Float[np.ndarray, "k p"]) -> Float[np.ndarray, " k-2"]:
    """Return log(|u_i - (u_{i-1} + u_{i+1}) / 2|^2 / |(u_{i+1} - u_{i-1}) / 2|^2).

    For u_i of squared length 1 both are sums of the correlations of the three slices, here taken
    from the differences themselves, which do not cancel.
    """
    before, here, after = standard[:-2], standard[1:-1], standard[2:]
    apart = np.square(here - (before + after) / 2).sum(axis=1)
    half = np.square((after - before) / 2).sum(axis=1)
    ratio: Float[np.ndarray, " _"] = np.log((apart + TINY) / (half + TINY))
    return ratio


def brightness_changes(flat: Float[np.ndarray, "k p"]) -> Float[np.ndarray, " k-1"]:
    """Return the relative change of brightness from each slice to the next.

    The interquartile mean of (b - a) / ((a + b) / 2) over the foreground: voxels whose mean over
    both slices is at least the mean of both slices. Anatomy, which changes a part of the
    foreground, moves it less than the ratio of the means.
    """
    middle, step = (flat[:-1] + flat[1:]) / 2, np.diff(flat, axis=0)
    foreground = middle >= middle.mean(axis=1, keepdims=True)
    changes = np.zeros(len(middle))
    for i, chosen in enumerate(foreground):
        both = middle[i, chosen]
        ratios = np.divide(step[i, chosen], both, where=both > 0, out=np.zeros_like(both))
        quarter = len(ratios) // 4
        ratios.partition((quarter, len(ratios) - quarter - 1))
        changes[i] = ratios[quarter : len(ratios) - quarter].mean()
    return changes


def folded(changes: Float[np.ndarray, " k"]) -> Float[np.ndarray, " periods"]:
    """Return log F of a one-way analysis of variance of the changes by their phase, per period.

    Epoch folding (Leahy et al., Astrophysical Journal 266 (1983), 160-170): about 0 without a
    period; nan for a period that fits less than three times.
    """
    n, floor = len(changes), TINY**2
    found = np.full(len(PERIODS), np.nan)
    for i, period in enumerate(PERIODS[n >= 3 * PERIODS].tolist()):
        phase = np.arange(n) % period
        counts = np.bincount(phase)
        means = np.bincount(phase, changes) / counts
        between = np.sum(counts * np.square(means - changes.mean())) / (period - 1)
        within = np.sum(np.square(changes - means[phase])) / (n - period)
        found[i] = np.log((between + floor) / (within + floor))
    return found


def log_sharpness(slices: Float[np.ndarray, "k h w"]) -> Float[np.ndarray, " k"]:
    """Return log of the mean squared in-plane Laplacian (five points) over the variance."""
    middle = slices[:, 1:-1, 1:-1]
    around = slices[:, 2:, 1:-1] + slices[:, :-2, 1:-1] + slices[:, 1:-1, 2:] + slices[:, 1:-1, :-2]
    energy = np.square(4 * middle - around).mean(axis=(1, 2))
    variance = slices.var(axis=(1, 2))
    floor = TINY * variance.mean()
    sharpness: Float[np.ndarray, " k"] = np.log((energy + floor) / (variance + floor))
    return sharpness


def power(
    inside: Float[np.ndarray, "x y z"], spacing: tuple[float, float, float]
) -> Float[np.ndarray, "3 frequencies"]:
    """Return log power along x, y and z at the frequencies of `frequencies(spacing)`.

    The periodogram of all lines along the axis, less their mean and under a Hann window, averaged
    over lines; in squared intensity times millimetres. nan for an axis with too few slices.

    Args:
        inside: the box with content.
        spacing: millimetres per voxel.
    """
    wanted = frequencies(spacing)
    found = np.full((3, FREQUENCIES), np.nan)
    for axis, (side, step) in enumerate(zip(inside.shape, spacing, strict=True)):
        if side < FEWEST_SLICES:
            continue
        lines = np.moveaxis(inside, axis, -1)
        window = np.hanning(side + 2)[1:-1]
        spectrum = np.fft.rfft((lines - lines.mean(axis=-1, keepdims=True)) * window)
        density = step * np.square(np.abs(spectrum)).mean(axis=(0, 1)) / np.square(window).sum()
        own = np.fft.rfftfreq(side, step)
        found[axis] = np.interp(wanted, own[1:], np.log(density[1:] + TINY**2))
    return found


def frequencies(spacing: tuple[float, float, float]) -> Float[np.ndarray, " frequencies"]:
    """Return frequencies in cycles/mm up to the lowest Nyquist frequency of the three axes."""
    highest = 0.5 / max(spacing)
    return np.linspace(highest / FREQUENCIES, highest, FREQUENCIES)


def through_plane(log_power: Float[np.ndarray, "*n 3 f"]) -> Float[np.ndarray, "*n 3 f"]:
    """Return log power along each axis less the mean of that along the other two."""
    total = log_power.sum(axis=-2, keepdims=True)
    ratio: Float[np.ndarray, "*n 3 f"] = log_power - (total - log_power) / 2
    return ratio
