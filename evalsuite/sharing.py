"""How processes share the rows of a feature cache: the rows that come are all they say.

No process waits for a message of another, so none can hang on one that has died. Whoever needs all
rows makes those of a process that brings none, and a row that two of them make is the same row.
"""

import hashlib
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import EvalsuiteError
from evalsuite.processes import Processes, processes
from evalsuite.writable import write_whole

PATIENCE = 10.0  # seconds without a row of another process until its rows are made here
DELAYED = 90.0  # the same of several machines: file systems that they share show new files late
FAR = 300.0  # seconds until a process on another machine must have shown that it is there
FIRST, EVERY = 5.0, 30.0  # seconds until it is told who is waited for, and between such lines
GLANCE = 0.5  # seconds between looks at the cache
LAUNCH = (  # what all processes of one start are told alike
    *("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"),
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "WORLD_SIZE"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One of several parts of the work, which together are all of it.

    Args:
        index: its number, from 0.
        of: how many there are.
    """

    index: int = 0
    of: int = 1

    def __str__(self) -> str:
        """Return it as such as `part 3 of 10`, counted from 1."""
        return f"part {self.index + 1} of {self.of}"

    def within(self, other: "Part") -> "Part":
        """Return this part of another one."""
        return Part(other.index * self.of + self.index, other.of * self.of)

    def share(self, items: Sequence[Path]) -> list[Path]:
        """Return its items; from all of them, not from those missing, which differ over time."""
        return list(items)[self.index :: self.of]

    def order(self, count: int) -> list[int]:
        """Return the numbers of so many items, its own first, then those of the next part."""
        return [
            i
            for step in range(self.of)
            for i in range((self.index + step) % self.of, count, self.of)
        ]


ALL = Part()


def own_part() -> Part:
    """Return the part of this process of all that `torchrun` or `srun` started."""
    me = processes()
    return Part(me.rank, me.world)


def part_of(text: str) -> Part:
    """Return the part that such a text as `3/10` means, counted from 1.

    Raises:
        EvalsuiteError: if it means none.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    index, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= index <= of:
        raise EvalsuiteError(f"--part {text}: expected such as 3/10, from 1/10 to 10/10.")
    return Part(index - 1, of)


def part_of_array() -> Part:
    """Return the part of this task of a job array of SLURM; all of the work outside of one.

    Raises:
        EvalsuiteError: if the numbers of the array leave gaps.
    """
    names = ("ID", "MIN", "MAX", "COUNT", "STEP")
    told = {name: os.environ.get(f"SLURM_ARRAY_TASK_{name}", "") for name in names}
    if not told["ID"]:
        return Part()
    task, first, last, count, step = (int(told[n]) if told[n].isdecimal() else 1 for n in names)
    if first + (count - 1) * step != last or (task - first) % step:
        raise EvalsuiteError(
            f"The job array counts from {first} to {last} in {count} tasks, so which part is that of "
            f"task {task} is not told. Name it with --part, such as --part 3/10."
        )
    return Part((task - first) // step, count)


class Shares:
    """The rows that each process makes, and which of them have come.

    Args:
        shares: files of the rows of each process, in the order in which it makes them.
        me: this process.
        clock: seconds.
    """

    def __init__(
        self,
        shares: Sequence[Sequence[Path]],
        me: Processes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shares, self._me, self._clock = shares, me, clock
        self._left = {rank: deque(share) for rank, share in enumerate(shares)}
        self._since = dict.fromkeys(self._left, clock())
        self._came: set[int] = set()
        self._look()
        self._came.clear()  # what was there before is no sign of anyone

    def overdue(
        self,
        folder: Path,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[list[Path]]:
        """Wait until all rows have come; yield those that do not come, to be made here.

        Args:
            folder: the cache, for messages.
            tell: what to do with a sentence on whom is waited for.

        Raises:
            EvalsuiteError: if a process on another machine has brought no row at all.
        """
        several = self._me.local_world < self._me.world
        due = self._clock() + FIRST
        self._since = dict.fromkeys(self._left, self._clock())
        while True:
            self._look()
            waiting = [rank for rank, left in self._left.items() if left]
            if not waiting:
                return
            if self._clock() >= due:
                tell(f"Waiting for the features of {', '.join(map(self._state, waiting))}.")
                due = self._clock() + EVERY
            for rank in waiting:
                quiet = self._clock() - self._since[rank]
                unseen = several and rank not in self._came
                if quiet < (FAR if unseen else DELAYED if several else PATIENCE):
                    continue
                if unseen:
                    raise EvalsuiteError(self._elsewhere(rank, folder, quiet))
                tell(self._taken_over(rank, quiet))
                # From the back: a process that is only late goes on from the front.
                yield list(reversed(self._left[rank]))
                break  # others have had time to bring theirs
            else:
                sleep(GLANCE)

    def _look(self) -> None:
        """Note what has come: processes bring their rows in order."""
        for rank, left in self._left.items():
            before = len(left)
            while left and left[0].is_file():
                left.popleft()
            if len(left) < before:
                self._since[rank] = self._clock()
                self._came.add(rank)

    def _state(self, rank: int) -> str:
        share, left = self._shares[rank], self._left[rank]
        return f"rank {rank}: {len(share) - len(left)} of {len(share)}"

    def _taken_over(self, rank: int, quiet: float) -> str:
        return (
            f"Rank {rank} has brought no features for {quiet:.0f} s and lacks "
            f"{len(self._left[rank])} of its {len(self._shares[rank])}: it has ended, hangs or is "
            f"slow. Rank {self._me.rank} makes them now; what rank {rank} printed may say why."
        )

    def _elsewhere(self, rank: int, folder: Path, quiet: float) -> str:
        return (
            f"{folder}: rank {rank} has brought none of its features in {quiet:.0f} s and lacks "
            f"{len(self._left[rank])} of {len(self._shares[rank])}. It has not started, or its "
            "machine does not share this folder or these volumes: name a --cache that all machines "
            "share, and start again; what is made is kept."
        )


def meet(
    folder: Path,
    me: Processes,
    volumes: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Let rank 0 leave a sign in the cache, and the others look whether they see the same one.

    Args:
        folder: the cache.
        volumes: a fingerprint of all volumes that this process sees.

    Raises:
        EvalsuiteError: if this process does not see the folder, or the volumes, of rank 0.
    """
    if me.local_world == me.world:
        return
    launch = hashlib.sha256(repr([os.environ.get(name) for name in LAUNCH]).encode())
    sign = folder / "launches" / launch.hexdigest()
    if me.rank == 0:
        write_whole(sign, volumes.encode(), "Name another folder with --cache DIR.")
        return
    begun = clock()
    while not (sign.is_file() and sign.read_text() == volumes):
        if clock() - begun >= FAR:
            other = sign.is_file()
            what = "sees other volumes than" if other else "finds nothing there of"
            mend = "volumes lie on a disk" if other else "--cache names a folder"
            raise EvalsuiteError(
                f"{folder}: rank {me.rank} {what} rank 0 after {clock() - begun:.0f} s. See that "
                f"the {mend} that all machines share, or start on one machine alone."
            )
        sleep(GLANCE)
