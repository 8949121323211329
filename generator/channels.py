"""Volumes of several channels, such as the MR sequences of a patient: which files belong together."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError, FaultsError, VolumeError
from evalsuite.records import Caveat
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import images_in
from evalsuite.volumes.resampling import same_grid
from evalsuite.volumes.sources import columns_of, missing_column, read_cohort, table_of
from evalsuite.volumes.subjects import look_alike

Cohorts = tuple[Cohort, ...]  # one per channel, their volumes in one order
BORDER = "[/_.-]"  # what a channel stands between in a path
IN_ORDER = Caveat(
    "channels-in-order",
    "The channels are the images along the fourth axis of each file, in this order: {channels}.",
    "cohort",
)


def read_channels(source: str, channels: Sequence[str], *, name: str) -> Cohorts:
    """List the volumes of each channel; those of a place belong together.

    Args:
        source: of all of them, see `read_cohort`. Of a table, channels are columns with paths; of
            all else they stand in the paths between separators, and what is left of a path
            tells which belong together. Where none is found there, they are the images of 4D
            files in the order of the fourth axis; the first file is opened to see so.
        channels: their names; without, volumes have the one channel of their file.
        name: what the cohort is called.

    Raises:
        EvalsuiteError: if there are no volumes, some lack a channel, or the first file is 4D with
            another number of images.
        VolumeError: if the first file has to be opened and cannot be read.
    """
    if not channels:
        return (read_cohort(source, name=name, role="real"),)
    if table := table_of(source):
        columns = columns_of(table[0])
        missing = [channel for channel in channels if channel not in columns]
        if len(missing) == len(channels) and table[1] in columns:
            cohort = read_cohort(source, name=name, role="real")
            return _along_fourth_axis(cohort, channels, missing_column(source, missing[0], columns))
        if missing:
            raise missing_column(source, missing[0], columns)
        return tuple(read_cohort(f"{source}:{c}", name=name, role="real") for c in channels)
    cohort = read_cohort(source, name=name, role="real")
    files: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in cohort.entries:
        channel, rest = _told_apart(entry.id, channels)
        if not channel:
            continue
        if channel in files[rest]:
            raise EvalsuiteError(
                f"{source}: {files[rest][channel].id} and {entry.id} would both be the channel "
                f"{channel} of one volume. Name the files of each volume in a table."
            )
        files[rest][channel] = entry
    if not files:
        return _along_fourth_axis(
            cohort, channels, _missing_channel(source, channels[0], cohort.entries[0])
        )
    _refuse_missing(source, cohort.entries[0], files, channels)
    volumes = sorted(files.values(), key=lambda volume: volume[channels[0]].id)
    found = [tuple(volume[channel] for volume in volumes) for channel in channels]
    warnings = look_alike(name, found[0])
    return tuple(replace(cohort, entries=entries, warnings=tuple(warnings)) for entries in found)


def check_channels(
    cohorts: Cohorts, *, skip_invalid: bool = False, advance: Callable[[], None] = lambda: None
) -> Cohorts:
    """Check all channels of all volumes, see `check_cohort`.

    The fingerprint of the first cohort is that of all channels, and it tells all that was left out.

    Raises:
        FaultsError: with the faults of all files, those of channels on another grid included.
    """
    checked = [check_cohort(c, skip_invalid=skip_invalid, advance=advance) for c in cohorts]
    if len(checked) == 1:
        return tuple(checked)
    skipped = [fault for cohort in checked for fault in cohort.skipped]
    places = [{entry.id: i for i, entry in enumerate(cohort.entries)} for cohort in checked]
    kept = []
    faults = []
    for entries in zip(*(cohort.entries for cohort in cohorts), strict=True):
        at = [known.get(entry.id) for known, entry in zip(places, entries, strict=True)]
        if None in at:
            continue
        wrong = _apart(checked, [i for i in at if i is not None])
        faults += wrong
        if not wrong:
            kept.append(at)
    if faults and not skip_invalid:
        raise FaultsError(
            faults, "Bring the channels of a volume onto one grid, or pass --skip-invalid."
        )
    if not kept:
        raise FaultsError([*skipped, *faults], f"No volume of {cohorts[0].name} is left.")
    first, *others = (
        replace(
            cohort,
            entries=tuple(cohort.entries[i] for i in rows),
            infos=tuple(cohort.infos[i] for i in rows),
        )
        for cohort, rows in zip(checked, zip(*kept, strict=True), strict=True)
    )
    keys = "".join(info.key for cohort in (first, *others) for info in cohort.infos)
    fingerprint = hashlib.sha256(keys.encode()).hexdigest()
    warnings = dict.fromkeys(w for cohort in checked for w in cohort.warnings)
    first = replace(
        first,
        fingerprint=fingerprint,
        skipped=(*skipped, *faults),
        warnings=tuple(warnings),
    )
    return (first, *others)


def stacked(steps: Sequence[Preprocessing], files: Sequence[Entry]) -> Float[np.ndarray, "c x y z"]:
    """Return a volume after the preprocessing of each of its channels."""
    pairs = zip(steps, files, strict=True)
    return np.stack([own.apply(file.read()).voxels for own, file in pairs])


def _told_apart(path: str, channels: Sequence[str]) -> tuple[str, str]:
    """Return the channel that stands last in a path, and the path without it; twice "" for none.

    Example:
        >>> _told_apart("case_0000_0001.nii.gz", ["0000", "0001"])
        ('0001', 'case_0000_.nii.gz')
    """
    longest_first = "|".join(map(re.escape, sorted(channels, key=len, reverse=True)))
    found = list(re.finditer(rf"(?<![^/_.-])(?:{longest_first})(?={BORDER}|$)", path))
    if not found:
        return "", ""
    return found[-1][0], path[: found[-1].start()] + path[found[-1].end() :]


def _along_fourth_axis(
    cohort: Cohort, channels: Sequence[str], otherwise: EvalsuiteError
) -> Cohorts:
    """Return the images of 4D files, one of each file in each cohort.

    Args:
        otherwise: what is told first where the files are no such files.
    """
    first = cohort.entries[0]
    images = images_in(first.path) if first.image is None else 1
    if images == 1 or images != len(channels):
        has = f"holds {images} images, not {len(channels)}" if images > 1 else "is 3D"
        if first.image is not None:
            has = f"is taken for its image {first.image} alone"
        raise EvalsuiteError(
            f"{otherwise} Channels may also be the images of 4D files, a name for each of them, but "
            f"{first.id} {has}."
        )
    told = IN_ORDER(channels=", ".join(channels))
    return tuple(
        replace(
            cohort,
            entries=tuple(replace(entry, image=image) for entry in cohort.entries),
            warnings=(*cohort.warnings, told),
        )
        for image in range(images)
    )


def _missing_channel(source: str, channel: str, example: Entry) -> EvalsuiteError:
    return EvalsuiteError(
        f'{source}: no path has the channel "{channel}" between separators (/ _ - .); '
        f"paths are such as {example.id}. Name the channels as they stand there."
    )


def _refuse_missing(
    source: str, example: Entry, files: dict[str, dict[str, Entry]], channels: Sequence[str]
) -> None:
    """Raise EvalsuiteError for a channel that no file has, or that some volumes lack."""
    for channel in channels:
        if not any(channel in volume for volume in files.values()):
            raise _missing_channel(source, channel, example)
    faults = [
        VolumeError(next(iter(volume.values())).path, f"there is no {channel} that goes with it.")
        for volume in files.values()
        for channel in channels
        if channel not in volume
    ]
    if faults:
        raise FaultsError(
            faults,
            "Every volume needs each channel, in files whose paths differ in nothing else. Add or "
            "remove files, or name those of each volume in a table.",
        )


def _apart(checked: Sequence[Cohort], at: Sequence[int]) -> list[VolumeError]:
    """Return what forbids the channels of a volume to be one."""
    first, *others = (cohort.infos[i] for cohort, i in zip(checked, at, strict=True))
    files = {cohort.entries[i].path for cohort, i in zip(checked, at, strict=True)}
    if len(files) == 1 and first.images > len(checked):
        problem = f"it holds {first.images} images, but {len(checked)} channels are named."
        return [VolumeError(files.pop(), problem)]
    faults = []
    for other in others:
        if not same_grid((first.shape, first.affine), (other.shape, other.affine)):
            faults.append(VolumeError(other.path, f"it does not lie on the grid of {first.path}."))
        elif other.voxel_digest == first.voxel_digest:
            faults.append(VolumeError(other.path, f"it is a copy of {first.path}."))
    return faults
