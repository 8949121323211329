"""Reasons to doubt the geometry of a cohort, each one sentence or two, once for all its volumes."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from evalsuite.volumes.cohort import SAME, Cohort, Entry, VolumeInfo, enumerated
from evalsuite.volumes.geometry import PARTS, Geometry, Part, obliqueness

OBLIQUE = 5.0  # degrees against the patient's axes from which a rotated grid is told
NAMES: dict[Part, str] = {"spacing": "voxel spacing", "orientation": "orientation"}
Pair = tuple[Entry, VolumeInfo]


def geometry_doubts(cohort: Cohort, real: Cohort | None = None) -> list[str]:
    """Return what was assumed, resampled or left out to read the volumes of a checked cohort.

    Args:
        real: the checked cohort that it is compared with.
    """
    found = [
        _assumed(cohort, real),
        _placeholders(cohort, real),
        _contradicted(cohort),
        _sheared(cohort),
        _oblique(cohort),
        _channel_first(cohort),
        _left_out(cohort),
    ]
    return [sentence for sentence in found if sentence]


def unneeded(stated: Geometry, cohorts: Sequence[Cohort]) -> list[str]:
    """Return a sentence for each part of a statement that no volume of checked cohorts needed."""
    needed = {
        part
        for cohort in cohorts
        for entry, info in zip(cohort.entries, cohort.infos, strict=True)
        for part in info.remarks.unstated
        if not entry.covariates.get(part)
    }
    return [
        f"--assume-{part} changed nothing: the {NAMES[part]} of every volume is stated."
        for part in PARTS
        if getattr(stated, part) is not None and part not in needed
    ]


def _assumed(cohort: Cohort, real: Cohort | None) -> str | None:
    """Return a sentence on volumes of whose geometry neither file nor user say all."""
    parts = {part for pair in _pairs(cohort) for part in _missing(pair)}
    if not parts:
        return None
    missing = [part for part in PARTS if part in parts]
    lacking = [pair for pair in _pairs(cohort) if _missing(pair)]
    count = _count(lacking, cohort)
    what = " and ".join(NAMES[part] for part in missing)
    taken = " and ".join(
        {
            "spacing": "as voxels of 1 x 1 x 1 mm",
            "orientation": "as stored along the patient's right, anterior and superior (RAS)",
        }[part]
        for part in missing
    )
    grid = _grid_of_same_shape(lacking, real)
    if grid and _differs(grid, [info for _, info in lacking], missing):
        told, options = _statement(grid, missing)
        return (
            f"{count} do not state their {what}, as generators often write them, but have the "
            f"shape of volumes of {real.name if real else ''}, which state {told}. They were "
            f"taken {taken}, and so compared on another grid. If they lie on that of the real "
            f"ones, pass {options}."
        )
    return (
        f"{count} do not state their {what} and were taken {taken}. State it in the columns "
        "spacing and orientation of a table, or to compute-metrics with --assume-spacing X,Y,Z "
        "and --assume-orientation CODE."
    )


def _placeholders(cohort: Cohort, real: Cohort | None) -> str | None:
    """Return a sentence on identity affines where real volumes of that shape have another grid."""
    identity = [
        (entry, info)
        for entry, info in _pairs(cohort)
        if not info.remarks.unstated and np.array_equal(info.affine, np.eye(4))
    ]
    grid = _grid_of_same_shape(identity, real)
    if not grid or not _differs(grid, [info for _, info in identity], PARTS):
        return None
    told, _ = _statement(grid, PARTS)
    return (
        f"{_count(identity, cohort)} have the identity for an affine, which is written for want of "
        f"a true one, but the shape of volumes of {real.name if real else ''}, which state {told}. "
        "If they lie on the grid of the real ones, write them again with its affine."
    )


def _contradicted(cohort: Cohort) -> str | None:
    """Return a sentence on volumes whose files state another geometry than their table does."""
    ids = [
        entry.id
        for entry, info in _pairs(cohort)
        for part in PARTS
        if entry.covariates.get(part) and part not in info.remarks.unstated
        if _differs(entry.stated, [info], [part])
    ]
    if not ids:
        return None
    return (
        f"The spacing or orientation in the table of {cohort.name} is not that of these files, "
        f"which was taken: {enumerated(list(dict.fromkeys(ids)))}."
    )


def _sheared(cohort: Cohort) -> str | None:
    sheared = [pair for pair in _pairs(cohort) if pair[1].remarks.shear]
    if not sheared:
        return None
    return (
        f"{_count(sheared, cohort)} lie on sheared grids, as after a scan with a tilted gantry "
        f"({_up_to(sheared, lambda info: info.remarks.shear)}), and were resampled onto orthogonal "
        "ones; interpolation smooths within slices, and the corners that this adds are filled with "
        "the smallest intensity."
    )


def _oblique(cohort: Cohort) -> str | None:
    oblique = [pair for pair in _pairs(cohort) if obliqueness(pair[1].affine) > OBLIQUE]
    if not oblique:
        return None
    return (
        f"{_count(oblique, cohort)} are rotated against the patient's axes "
        f"({_up_to(oblique, lambda info: obliqueness(info.affine))}) and were taken along their "
        "own; unless the other cohort is rotated alike, resample them along the patient's."
    )


def _channel_first(cohort: Cohort) -> str | None:
    found = [pair for pair in _pairs(cohort) if pair[1].remarks.channel_first]
    if not found:
        return None
    return (
        f"{_count(found, cohort)} hold a channel as their first axis; their affine was taken to be "
        "that of the three axes behind it."
    )


def _left_out(cohort: Cohort) -> str | None:
    names = [
        f"{entry.id}/{name}" for entry, info in _pairs(cohort) for name in info.remarks.left_out
    ]
    if not names:
        return None
    return (
        f"Left out of the volumes of {cohort.name}, for they are no slices of the series in whose "
        f"folder they lie: {enumerated(names)}."
    )


def _pairs(cohort: Cohort) -> list[Pair]:
    return list(zip(cohort.entries, cohort.infos, strict=True))


def _missing(pair: Pair) -> list[Part]:
    """Return the parts of the geometry that neither the file nor the user states."""
    _, info = pair
    return [part for part in info.remarks.unstated if getattr(info.stated, part) is None]


def _count(some: Sequence[Pair], cohort: Cohort) -> str:
    return f"{len(some)} of {len(cohort.infos)} volumes of {cohort.name}"


def _up_to(some: Sequence[Pair], degrees: Callable[[VolumeInfo], float]) -> str:
    entry, info = max(some, key=lambda pair: degrees(pair[1]))
    return f"by up to {degrees(info):.0f} degrees, {entry.id}"


def _grid_of_same_shape(some: Sequence[Pair], real: Cohort | None) -> Geometry | None:
    """Return the usual stated grid of the real volumes with the shapes of these, if they have any.

    None where a shape of these occurs nowhere among the real ones.
    """
    stated = [info for info in real.infos if not info.remarks.unstated] if real else []
    shapes = {info.shape for _, info in some}
    if not some or not shapes <= {info.shape for info in stated}:
        return None
    grids = Counter(
        (tuple(float(f"{step:.4g}") for step in info.spacing), info.orientation)
        for info in stated
        if info.shape in shapes
    )
    ((x, y, z), orientation), _ = grids.most_common(1)[0]
    return Geometry((x, y, z), orientation)


def _differs(grid: Geometry, infos: Sequence[VolumeInfo], parts: Sequence[Part]) -> bool:
    spacings = np.array([info.spacing for info in infos])
    return bool(
        ("spacing" in parts and not np.allclose(spacings, grid.spacing or 0, rtol=SAME))
        or ("orientation" in parts and any(i.orientation != grid.orientation for i in infos))
    )


def _statement(grid: Geometry, parts: Sequence[Part]) -> tuple[str, str]:
    """Return a grid in words, and the options that state it."""
    x, y, z = grid.spacing or (0.0, 0.0, 0.0)
    words: dict[Part, str] = {
        "spacing": f"voxels of {x:g} x {y:g} x {z:g} mm",
        "orientation": f"the orientation {grid.orientation}",
    }
    options: dict[Part, str] = {
        "spacing": f"--assume-spacing {x:g},{y:g},{z:g}",
        "orientation": f"--assume-orientation {grid.orientation}",
    }
    return " and ".join(words[part] for part in parts), " ".join(options[part] for part in parts)
