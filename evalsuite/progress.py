"""How long work shows that it goes on."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

FIRST, EVERY = 10.0, 60.0  # seconds until the first line, and between lines


class Progress(Protocol):
    """Shows that work goes on: `with progress("label", total) as advance: advance()`."""

    def __call__(
        self, label: str, total: int, done: int = 0
    ) -> AbstractContextManager[Callable[[], None]]:
        """Open one bar of `total` steps, of which some are done already."""
        ...


@contextmanager
def silent(label: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:  # noqa: ARG001
    """Show nothing."""
    yield lambda: None


@contextmanager
def bars(label: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show a progress bar with rate and time left on stderr; lines where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(label, total, done) as advance:
            yield advance
        return
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        *Progress.get_default_columns()[:3],
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    ) as progress:
        task = progress.add_task(label, total=total, completed=done)
        yield lambda: progress.advance(task)


@contextmanager
def _lines(label: str, total: int, done: int) -> Iterator[Callable[[], None]]:
    """Print a line now and then with the time left at the pace so far; none for short work."""
    begun = time.monotonic()
    due, count = begun + FIRST, done

    def advance() -> None:
        nonlocal due, count
        count += 1
        now = time.monotonic()
        if now < due or count >= total:
            return
        due = now + EVERY
        left = (now - begun) / (count - done) * (total - count)
        _print(f"{label}: {count} of {total}, about {_span(left)} left")

    yield advance
    took = time.monotonic() - begun
    if took >= FIRST and count >= total:
        _print(f"{label}: {count} of {total}, took {_span(took)}")


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _span(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h"
