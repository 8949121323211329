"""Tables and code in Markdown."""

from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """Return text that stays within a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code, for a cell of a table; a bar within is no border there."""
    return f"`{' '.join(text.split())}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(texts: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {text}" for text in texts)
