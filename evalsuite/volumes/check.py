"""Every file is read once before any heavy work, and all faults are told together."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from evalsuite.errors import FaultsError, VolumeError
from evalsuite.processes import cores
from evalsuite.records import Caveat
from evalsuite.sharing import ALL, Part
from evalsuite.volumes.cohort import Cohort, Entry, VolumeInfo, enumerated
from evalsuite.volumes.doubts import geometry_doubts
from evalsuite.volumes.geometry import CONVENTION, Geometry
from evalsuite.volumes.read import load, located
from evalsuite.volumes.volume import Volume

COPIES = Caveat("copies-within", "{n} of {size} volumes {verb}: {copies}.", "cohort")
FLAT = 1e-4  # volume of the box of three unit axes below which they do not span space


def check_volume(path: Path, stated: Geometry = CONVENTION, image: int | None = None) -> VolumeInfo:
    """Read a volume and return what is worth knowing of it.

    Args:
        stated: what the user states of its geometry, for a file that does not.
        image: which one of a 4D file, see `read_volume`.

    Raises:
        VolumeError: if it cannot be read, or is not 3D with 2 or more voxels along each axis,
            or is constant, or holds NaN or Inf, or its affine is no grid in space.
    """
    from nibabel import aff2axcodes

    loaded = load(path, stated, image)
    volume = loaded.volume
    problem = problem_of(volume)
    if problem:
        raise VolumeError(located(path, image), problem)
    return VolumeInfo(
        path=located(path, image),
        shape=volume.shape,
        spacing=volume.spacing,
        orientation="".join(aff2axcodes(volume.affine)),
        affine=volume.affine,
        dtype=loaded.dtype,
        minimum=float(volume.voxels.min()),
        maximum=float(volume.voxels.max()),
        digest=loaded.digest,
        voxel_digest=voxel_digest(volume.voxels),
        remarks=loaded.remarks,
        stated=stated.only(loaded.remarks.unstated),
        beside=loaded.beside,
        images=loaded.images,
    )


def check_entry(entry: Entry) -> VolumeInfo:
    """Return what `check_volume` finds of a volume of a cohort."""
    return check_volume(entry.path, entry.stated, entry.image)


def check_cohort(
    cohort: Cohort,
    *,
    skip_invalid: bool = False,
    workers: int | None = None,
    advance: Callable[[], None] = lambda: None,
    real: Cohort | None = None,
    check: Callable[[Entry], VolumeInfo] = check_entry,
    first: Part = ALL,
) -> Cohort:
    """Check all volumes and return the cohort with infos, fingerprint, faults and warnings.

    Args:
        cohort: as `read_cohort` returns it.
        skip_invalid: leave out volumes with faults instead of raising.
        workers: threads that read; default: one per core, at least 2 and at most 8.
        advance: called once for every volume.
        real: the checked cohort that this one is compared with, for the warnings.
        check: of one volume, such as `VolumeIndex.check`, which does not read an unchanged one.
        first: the part that is looked at first: of processes that keep what they find in one index
            each then reads its own part, and finds those of the others there.

    Raises:
        FaultsError: with the faults of all volumes in the order of the cohort, or if
            `skip_invalid` leaves none.
    """
    pool = ThreadPoolExecutor(workers or min(8, max(2, cores())))
    try:
        order = first.order(len(cohort.entries))
        entries = [cohort.entries[i] for i in order]
        found: dict[int, VolumeInfo | VolumeError] = {}
        for i, result in zip(order, pool.map(partial(_info_or_fault, check), entries), strict=True):
            found[i] = result
            advance()
    finally:
        pool.shutdown(cancel_futures=True)
    results = [found[i] for i in range(len(found))]
    faults = tuple(result for result in results if isinstance(result, VolumeError))
    pairs = zip(cohort.entries, results, strict=True)
    passed = [(entry, info) for entry, info in pairs if isinstance(info, VolumeInfo)]
    if faults and not skip_invalid:
        raise FaultsError(
            faults, "Mend or remove them, or pass --skip-invalid to go on without them."
        )
    if not passed:
        raise FaultsError(faults, f"No volume of {cohort.name} is left.")
    keys = "".join(info.key for _, info in passed)
    checked = replace(
        cohort,
        entries=tuple(entry for entry, _ in passed),
        infos=tuple(info for _, info in passed),
        fingerprint=hashlib.sha256(keys.encode()).hexdigest(),
        skipped=faults,
    )
    # One that was checked before has been told most of it already.
    told = (*cohort.warnings, *_copies(passed), *geometry_doubts(checked, real))
    return replace(checked, warnings=tuple(dict.fromkeys(told)))


def voxel_digest(voxels: Float32[np.ndarray, "x y z"]) -> str:
    """Return the SHA-256 of shape and voxels; files, compression and type do not count."""
    digest = hashlib.sha256(repr(voxels.shape).encode())
    # The transpose of what NIfTI and ITK hold needs no copy to be contiguous.
    digest.update(np.ascontiguousarray(voxels.T, dtype="<f4").data)
    return digest.hexdigest()


def problem_of(volume: Volume) -> str | None:
    """Return what makes a volume unusable, as a clause, or None; see `check_volume`."""
    return _voxel_problem(volume.voxels) or _grid_problem(volume)


def _info_or_fault(check: Callable[[Entry], VolumeInfo], entry: Entry) -> VolumeInfo | VolumeError:
    try:
        return check(entry)
    except VolumeError as fault:
        return fault


def _voxel_problem(voxels: Float32[np.ndarray, "x y z"]) -> str | None:
    if min(voxels.shape) < 2:
        shape = " x ".join(str(size) for size in voxels.shape)
        return f"its shape is {shape}; expected at least 2 voxels along each axis."
    low, high = float(voxels.min()), float(voxels.max())
    if not np.isfinite([low, high]).all():
        count = voxels.size - np.count_nonzero(np.isfinite(voxels))
        return f"{count} of its {voxels.size} voxels are NaN or Inf; expected numbers."
    if low == high:
        return f"all its voxels are {low:g}; expected an image."
    return None


def _grid_problem(volume: Volume) -> str | None:
    if not np.isfinite(volume.affine).all():
        return "its affine holds NaN or Inf; expected numbers. Write it again with its true grid."
    with np.errstate(over="ignore"):
        spacing = np.array(volume.spacing)
    if spacing.min() == 0 or np.isinf(spacing).any():
        told = " x ".join(f"{step:.4g}" for step in spacing)
        return f"its voxel spacing is {told} mm; expected positive, finite numbers."
    if abs(np.linalg.det(volume.affine[:3, :3] / spacing)) < FLAT:
        return "its affine is singular; expected three axes that span space."
    return None


def _copies(passed: list[tuple[Entry, VolumeInfo]]) -> list[Caveat]:
    """Return a caveat if a volume occurs more than once in a cohort."""
    first: dict[str, Entry] = {}
    copies = []
    for entry, info in passed:
        original = first.setdefault(info.voxel_digest, entry)
        if original is not entry:
            copies.append(f"{entry.id} (of {original.id})")
    if not copies:
        return []
    verb = "is a copy of another" if len(copies) == 1 else "are copies of others"
    return [COPIES(n=len(copies), size=len(passed), verb=verb, copies=enumerated(copies))]
