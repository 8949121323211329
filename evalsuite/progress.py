"""How long work shows that it goes on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shows that work goes on: `with progress("label", total) as advance: advance()`."""

    def __call__(self, label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """Open one bar of `total` steps."""
        ...


@contextmanager
def silent(label: str, total: int) -> Iterator[Callable[[], None]]:  # noqa: ARG001
    """Show nothing."""
    yield lambda: None


@contextmanager
def bars(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar with rate and time left on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        *Progress.get_default_columns()[:3],
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)
