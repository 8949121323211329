"""Reasons to doubt the geometry of a cohort, each told once for all its volumes."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from evalsuite.records import Caveat
from evalsuite.volumes.cohort import SAME, Cohort, Entry, VolumeInfo, enumerated
from evalsuite.volumes.geometry import PARTS, Geometry, Part, obliqueness

ROTATED = 5.0  # degrees against the patient's axes from which a rotated grid is told
NAMES: dict[Part, str] = {"spacing": "voxel spacing", "orientation": "orientation"}
Pair = tuple[Entry, VolumeInfo]

ASSUMED = Caveat(
    "geometry-assumed",
    "{n} of {size} volumes of {cohort} do not state their {what} and were taken {taken}. State it "
    "in the columns spacing and orientation of a table, or to compute-metrics with "
    "--assume-spacing X,Y,Z and --assume-orientation CODE.",
    "cohort",
)
UNLIKE_REAL = Caveat(
    "geometry-unlike-real",
    "{n} of {size} volumes of {cohort} do not state their {what}, as generators often write them, "
    "but have the shape of volumes of {real}, which state {told}. They were taken {taken}, and so "
    "compared on another grid. If they lie on that of the real ones, pass {options}.",
    "cohort",
)
PLACEHOLDER = Caveat(
    "identity-affine",
    "{n} of {size} volumes of {cohort} have the identity for an affine, which is written for want "
    "of a true one, but the shape of volumes of {real}, which state {told}. If they lie on the grid "
    "of the real ones, write them again with its affine.",
    "cohort",
)
CONTRADICTED = Caveat(
    "table-contradicted",
    "The spacing or orientation in the table of {cohort} is not that of these files, which was "
    "taken: {files}.",
    "cohort",
)
SHEARED = Caveat(
    "sheared",
    "{n} of {size} volumes of {cohort} lie on sheared grids, as after a scan with a tilted gantry "
    "(by up to {degrees:.0f} degrees, {file}), and were resampled onto orthogonal ones; "
    "interpolation smooths within slices, and the corners that this adds are filled with the "
    "smallest intensity.",
    "cohort",
)
OBLIQUE = Caveat(
    "oblique",
    "{n} of {size} volumes of {cohort} are rotated against the patient's axes (by up to "
    "{degrees:.0f} degrees, {file}) and were taken along their own; unless the other cohort is "
    "rotated alike, resample them along the patient's.",
    "cohort",
)
CHANNEL_FIRST = Caveat(
    "channel-first",
    "{n} of {size} volumes of {cohort} hold a channel as their first axis; their affine was taken "
    "to be that of the three axes behind it.",
    "cohort",
)
LEFT_OUT = Caveat(
    "files-left-out",
    "Left out of the volumes of {cohort}, for they are no slices of the series in whose folder they "
    "lie: {names}.",
    "cohort",
)
UNNEEDED = Caveat(
    "statement-unneeded",
    "--assume-{part} changed nothing: the {name} of every volume is stated.",
    "cohort",
)


def geometry_doubts(cohort: Cohort, real: Cohort | None = None) -> list[Caveat]:
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
    return [caveat for caveat in found if caveat]


def unneeded(stated: Geometry, cohorts: Sequence[Cohort]) -> list[Caveat]:
    """Return a caveat for each part of a statement that no volume of checked cohorts needed."""
    needed = {
        part
        for cohort in cohorts
        for entry, info in zip(cohort.entries, cohort.infos, strict=True)
        for part in info.remarks.unstated
        if not entry.covariates.get(part)
    }
    return [
        UNNEEDED(part=part, name=NAMES[part])
        for part in PARTS
        if getattr(stated, part) is not None and part not in needed
    ]


def _assumed(cohort: Cohort, real: Cohort | None) -> Caveat | None:
    """Return a caveat on volumes of whose geometry neither file nor user say all."""
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
        return UNLIKE_REAL(
            **count, what=what, real=real.name if real else "", told=told, taken=taken,
            options=options,
        )  # fmt: skip
    return ASSUMED(**count, what=what, taken=taken)


def _placeholders(cohort: Cohort, real: Cohort | None) -> Caveat | None:
    """Return a caveat on identity affines where real volumes of that shape have another grid."""
    identity = [
        (entry, info)
        for entry, info in _pairs(cohort)
        if not info.remarks.unstated and np.array_equal(info.affine, np.eye(4))
    ]
    grid = _grid_of_same_shape(identity, real)
    if not grid or not _differs(grid, [info for _, info in identity], PARTS):
        return None
    told, _ = _statement(grid, PARTS)
    return PLACEHOLDER(**_count(identity, cohort), real=real.name if real else "", told=told)


def _contradicted(cohort: Cohort) -> Caveat | None:
    """Return a caveat on volumes whose files state another geometry than their table does."""
    ids = [
        entry.id
        for entry, info in _pairs(cohort)
        for part in PARTS
        if entry.covariates.get(part) and part not in info.remarks.unstated
        if _differs(entry.stated, [info], [part])
    ]
    if not ids:
        return None
    return CONTRADICTED(cohort=cohort.name, files=enumerated(list(dict.fromkeys(ids))))


def _sheared(cohort: Cohort) -> Caveat | None:
    sheared = [pair for pair in _pairs(cohort) if pair[1].remarks.shear]
    if not sheared:
        return None
    return SHEARED(**_count(sheared, cohort), **_most(sheared, lambda info: info.remarks.shear))


def _oblique(cohort: Cohort) -> Caveat | None:
    oblique = [pair for pair in _pairs(cohort) if obliqueness(pair[1].affine) > ROTATED]
    if not oblique:
        return None
    return OBLIQUE(
        **_count(oblique, cohort), **_most(oblique, lambda info: obliqueness(info.affine))
    )


def _channel_first(cohort: Cohort) -> Caveat | None:
    found = [pair for pair in _pairs(cohort) if pair[1].remarks.channel_first]
    return CHANNEL_FIRST(**_count(found, cohort)) if found else None


def _left_out(cohort: Cohort) -> Caveat | None:
    names = [
        f"{entry.id}/{name}" for entry, info in _pairs(cohort) for name in info.remarks.left_out
    ]
    return LEFT_OUT(cohort=cohort.name, names=enumerated(names)) if names else None


def _pairs(cohort: Cohort) -> list[Pair]:
    return list(zip(cohort.entries, cohort.infos, strict=True))


def _missing(pair: Pair) -> list[Part]:
    """Return the parts of the geometry that neither the file nor the user states."""
    _, info = pair
    return [part for part in info.remarks.unstated if getattr(info.stated, part) is None]


def _count(some: Sequence[Pair], cohort: Cohort) -> dict[str, float | str]:
    return {"n": len(some), "size": len(cohort.infos), "cohort": cohort.name}


def _most(some: Sequence[Pair], degrees: Callable[[VolumeInfo], float]) -> dict[str, float | str]:
    entry, info = max(some, key=lambda pair: degrees(pair[1]))
    return {"degrees": degrees(info), "file": entry.id}


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
