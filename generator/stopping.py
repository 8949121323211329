"""What a training does when it is told to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def termination() -> Iterator[Callable[[], bool]]:
    """Let a first SIGTERM wait, and tell whether it came; a second one ends the process.

    Schedulers send it some seconds before they kill: time enough for a step and a checkpoint.
    """
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # signals reach the main thread only
        return
    before = signal.getsignal(signal.SIGTERM)

    def tell(number: int, _frame: object) -> None:
        told.append(number)
        signal.signal(signal.SIGTERM, before)

    signal.signal(signal.SIGTERM, tell)
    try:
        yield lambda: bool(told)
    finally:
        signal.signal(signal.SIGTERM, before)
