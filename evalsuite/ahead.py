"""Work done in threads ahead of who needs it, in order and within bounds."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(
    do: Callable[[Given], Made], items: Iterable[Given], *, workers: int, most: int
) -> Iterator[Made]:
    """Yield what is made of each item, in their order, while threads make the next ones.

    Args:
        do: called in threads.
        workers: how many of them.
        most: items that are made, or being made, before they are asked for.

    Raises:
        Exception: what `do` raises, when its item is asked for; no further item is begun then.
    """
    with ThreadPoolExecutor(workers) as pool:
        begun: deque[Future[Made]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(do, item))
                if len(begun) >= most:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
