"""How much memory metrics may use: a budget that is declared, or a share of what is free."""

import ctypes
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {f"{unit[0]}IB": 1 << 10 * power for power, unit in enumerate(UNITS) if power}
LEAST = 64 * 10**6  # of a default
MOST = 10**9  # likewise: more makes nothing quicker
ASSUMED = 4 * 10**9  # free, where the system does not tell
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def size(text: str) -> int:
    """Return the bytes of a size with its unit.

    Raises:
        ValueError: if it is none, or less than a byte.

    Example:
        >>> size("1.5GB"), size("512 MiB")
        (1500000000, 536870912)
    """
    found = SIZE.fullmatch(text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    if not found or not unit or float(found[1]) * unit < 1:
        msg = f"expected a size such as 4GB, but found {text}"
        raise ValueError(msg)
    return int(float(found[1]) * unit)


def told(size: int) -> str:
    """Return a number of bytes as a size.

    Example:
        >>> told(1_500_000_000)
        '1.5GB'
    """
    unit = max((u for u in ("B", "KB", "MB", "GB") if UNITS[u] <= size), key=UNITS.__getitem__)
    return f"{size / UNITS[unit]:.3g}{unit}"


def default_budget() -> int:
    """Return a quarter of the memory that is free, between 64 MB and 1 GB."""
    return min(MOST, max(LEAST, _free() // 4))


class Kept:
    """Volumes that were read, the last used ones, within one budget for all cohorts.

    Args:
        budget: bytes; the volume in use is kept whatever it takes.
    """

    def __init__(self, budget: int) -> None:
        self._budget, self._used = budget, 0
        self._volumes: OrderedDict[Hashable, Tensor] = OrderedDict()

    def get(self, key: Hashable, load: "Callable[[], Tensor]") -> "Tensor":
        """Return a volume by its key, read if it is not kept."""
        if key in self._volumes:
            self._volumes.move_to_end(key)
            return self._volumes[key]
        give_back()  # what was made of the volumes before
        volume = load()
        self._volumes[key] = volume
        self._used += volume.nbytes
        while self._used > self._budget and len(self._volumes) > 1:
            self._used -= self._volumes.popitem(last=False)[1].nbytes
        return volume


def give_back() -> None:
    """Let the system have what was freed.

    The allocator of glibc keeps it for the next arrays, which rarely fit into the gaps: consistency
    of slices held 20 MB more with each volume of 128 cubed that it had done with.
    """
    if trim := _trim():
        trim(0)


@cache
def _trim() -> "Callable[[int], int] | None":
    """Return glibc's `malloc_trim`; None where there is another allocator."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def _free() -> int:
    """Return the bytes that a new process could take, of the machine and of its container."""
    known = [ASSUMED]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in lines:
            known = [1024 * int(lines["MemAvailable"].split()[0])]
    limit, used = (Path("/sys/fs/cgroup") / f"memory.{name}" for name in ("max", "current"))
    if limit.is_file() and (most := limit.read_text().strip()).isdecimal():
        known.append(max(0, int(most) - int(used.read_text())))
    return min(known)
