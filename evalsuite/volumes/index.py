"""What the check found of volumes, kept from run to run: an unchanged file is not read again.

As in the index of git, a file is unchanged while its size, its inode and its times of modification
and of change are those of when it was read, and the times lie clearly before the reading: a file
written within the granularity of a clock might be written once more and look the same.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite import __version__
from evalsuite.volumes.check import check_entry
from evalsuite.volumes.cohort import Entry, VolumeInfo
from evalsuite.volumes.geometry import Geometry
from evalsuite.volumes.preprocessing import VERSION as READING
from evalsuite.volumes.volume import Remarks
from evalsuite.writable import whole_file

# Raised whenever a change of the check, or of what is kept, changes an entry.
VERSION = 1
GRANULARITY = 2 * 10**9  # nanoseconds, of FAT, the coarsest clock of a file system

Stamp = tuple[str, int, int, int, int]  # name, size, inode, times of modification and of change


@dataclass(frozen=True, slots=True)
class VolumeIndex:
    """One small file per volume; it may be deleted at any time.

    Args:
        folder: where the files lie; made when the first one is kept.
        trusted: whether a volume whose files are unchanged is taken to be what it was.
    """

    folder: Path
    trusted: bool = True

    def check(self, entry: Entry) -> VolumeInfo:
        """Return what `check_entry` finds, or found while the files were the same.

        Raises:
            VolumeError: as `check_entry`; faults are not kept.
        """
        if not entry.lasting:
            return check_entry(entry)
        file = self._file(entry)
        kept = self._kept(file) if self.trusted else None
        before = _stamps(entry.path, kept["info"]["beside"] if kept else ())
        if kept and before and before == [tuple(stamp) for stamp in kept["stamps"]]:
            return _restored(entry.location, kept["info"])
        begun = time.time_ns()
        info = check_entry(entry)
        after = _stamps(entry.path, info.beside)
        still = before and set(before) <= set(after)
        if still and all(max(stamp[3:]) < begun - GRANULARITY for stamp in after):
            self._keep(file, info, after)
        return info

    def _file(self, entry: Entry) -> Path:
        parts: list[object] = [os.path.abspath(entry.path), _statement(entry.stated)]  # noqa: PTH100  (no link resolved)
        if entry.image is not None:
            parts.append(entry.image)
        name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return self.folder.joinpath(name[:2], f"{name}.json")

    @staticmethod
    def _kept(file: Path) -> dict[str, Any] | None:
        """Return an entry of this version, or None where there is none or it is damaged."""
        try:
            kept = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return None
        return kept if isinstance(kept, dict) and kept.get("of") == _version() else None

    @staticmethod
    def _keep(file: Path, info: VolumeInfo, stamps: Sequence[Stamp]) -> None:
        told = {**asdict(info), "affine": info.affine.tolist()}
        del told["path"]
        content = json.dumps({"of": _version(), "stamps": stamps, "info": told}).encode()
        # On a full or read-only disk the volume is read again next time.
        with suppress(OSError), whole_file(file, durable=False) as part:
            part.write(content)


@cache
def _statement(stated: Geometry) -> dict[str, object]:
    return asdict(stated)


def _version() -> list[object]:
    """Return what may change the findings of the same file."""
    return [VERSION, READING, __version__]


def _stamps(path: Path, beside: Sequence[str]) -> list[Stamp]:
    """Return the state of all files that hold a volume; none if one of them cannot be had."""
    try:
        if path.is_dir():
            return [_stamp(file) for file in sorted(path.iterdir()) if not file.is_dir()]
        return [_stamp(file) for file in (path, *(path.parent / name for name in beside))]
    except OSError:
        return []


def _stamp(file: Path) -> Stamp:
    # Opened, since network file systems ask their server only then.
    opened = os.open(file, os.O_RDONLY)
    try:
        state = os.fstat(opened)
    finally:
        os.close(opened)
    return file.name, state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns


def _restored(path: Path, told: Mapping[str, Any]) -> VolumeInfo:
    remarks, stated = told["remarks"], told["stated"]
    return VolumeInfo(
        path=path,
        shape=tuple(told["shape"]),
        spacing=tuple(told["spacing"]),
        orientation=told["orientation"],
        affine=np.array(told["affine"], dtype=np.float64),
        dtype=told["dtype"],
        minimum=told["minimum"],
        maximum=told["maximum"],
        digest=told["digest"],
        voxel_digest=told["voxel_digest"],
        remarks=Remarks(
            tuple(remarks["unstated"]),
            remarks["shear"],
            remarks["channel_first"],
            tuple(remarks["left_out"]),
        ),
        stated=Geometry(stated["spacing"] and tuple(stated["spacing"]), stated["orientation"]),
        beside=tuple(told["beside"]),
        images=told.get("images", 1),  # versions that read no 4D files kept none
    )
