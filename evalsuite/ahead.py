"""Work done in threads or processes ahead of who needs it, in order and within bounds."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(
    do: Callable[[Given], Made],
    items: Iterable[Given],
    *,
    workers: int,
    most: int,
    pool: Callable[[int], Executor] = ThreadPoolExecutor,
) -> Iterator[Made]:
    """Yield what is made of each item, in their order, while workers make the next ones.

    Args:
        do: called in them.
        workers: how many of them.
        most: items that are made, or being made, before they are asked for.
        pool: makes the workers: threads, or `worker_processes`.

    Raises:
        Exception: what `do` raises, when its item is asked for; no further item is begun then.
    """
    with pool(workers) as running:
        begun: deque[Future[Made]] = deque()
        try:
            for item in items:
                begun.append(running.submit(do, item))
                if len(begun) >= most:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def worker_processes(
    workers: int, start: Callable[..., object] | None = None, *given: object
) -> ProcessPoolExecutor:
    """Return so many worker processes, which keep to a core each and end with this one.

    Args:
        start: called with what is given when one begins.
    """
    # Threads of a forked parent (torch, BLAS) can deadlock the child; a spawned one starts clean.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _begin, (start, given))


def _begin(start: Callable[..., object] | None, given: tuple[object, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # There is one process per core: threads of BLAS beside them only wait for one another.
    threadpool_limits(1)
    if start is not None:
        start(*given)


def _end_with_parent() -> None:
    """Leave when the command was killed: a worker of a pool would wait for it for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  (only workers come here)
    parent.join()
    os._exit(1)
