"""Batches that worker processes read ahead; which one a step sees follows from the step alone."""

import signal
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")
AHEAD = 2  # batches that each worker keeps ready


class Ahead(Generic[T]):
    """Reads the batches of steps, if there are workers in advance.

    Args:
        read: returns the batch of a step, the same whenever it is asked.
        steps: how many there will be.
        workers: processes that read; 0 reads when a batch is asked for, as is best where volumes
            are in memory.
    """

    def __init__(self, read: Callable[[int], T], steps: int, workers: int) -> None:
        self.read, self.steps, self.workers = read, steps, workers
        self._batches: Iterator[T] = iter(())
        self._next = -1

    def __call__(self, step: int) -> T:
        """Return the batch of a step; fast if it follows on the last one asked for."""
        if not self.workers:
            return self.read(step)
        if step != self._next:
            self._batches = iter(self._loader(step))
        self._next = step + 1
        return next(self._batches)

    def _loader(self, start: int) -> DataLoader[T]:
        return DataLoader(
            _Steps(self.read),
            sampler=range(start, self.steps),
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=AHEAD,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_outlive,
            # What reads is inherited, not copied; workers leave the GPU alone.
            multiprocessing_context="fork",
            generator=torch.Generator(),  # else it would draw from the global one
        )


class _Steps(Dataset[T]):
    def __init__(self, read: Callable[[int], T]) -> None:
        self.read = read

    def __getitem__(self, step: int) -> T:
        return self.read(step)


def _outlive(_worker: int) -> None:
    """Leave SIGTERM to the process that trains, which has a checkpoint to write."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
