"""Volumes that are changed when they are read: none of them is written anywhere."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.volume import Volume


def unchanged(volume: Volume) -> Volume:
    """Return the volume."""
    return volume


@dataclass(frozen=True, slots=True)
class Changed(Entry):
    """A volume that is another once it is read.

    Args:
        change: of the volume that is on disk; travels to other processes.
    """

    change: Callable[[Volume], Volume] = unchanged

    def read(self) -> Volume:
        """Return the changed volume."""
        return self.change(Entry.read(self))


def changed(
    cohort: Cohort, name: str, changes: Sequence[Callable[[Volume], Volume]], keys: Sequence[str]
) -> Cohort:
    """Return a checked cohort the volumes of which are changed; to all else they are as before.

    Args:
        name: of the cohort.
        changes: what becomes of each volume.
        keys: all that decides this, by which the cache of features knows the changed volumes.
    """
    entries = [
        Changed(**{part.name: getattr(entry, part.name) for part in fields(Entry)}, change=change)
        for entry, change in zip(cohort.entries, changes, strict=True)
    ]
    infos = [
        replace(info, digest=hashlib.sha256(json.dumps([info.digest, key]).encode()).hexdigest())
        for info, key in zip(cohort.infos, keys, strict=True)
    ]
    return replace(
        cohort, name=name, entries=tuple(entries), infos=tuple(infos), fingerprint="", warnings=()
    )
