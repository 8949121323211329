"""What commands print on stdout: rows as a table for people, or as JSON for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import typer


def show(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows on stdout as JSON, numbers as numbers, or as a table."""
    if as_json:
        typer.echo(json.dumps(finite(list(rows)), indent=1, allow_nan=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value).replace("[", "\\[") for value in row.values()))
    Console().print(table)


def say(sentence: str) -> None:
    """Print a sentence for people on stderr, where it is in no program's way."""
    typer.echo(sentence, err=True)


def finite(value: Any) -> Any:
    """Return JSON values in which nan and infinity, which JSON lacks, are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def refuse_newer(record: Mapping[str, Any], schema: int) -> None:
    """Raise ValueError for a JSON record of a later schema; one without a number is of the first."""
    if record.get("schema", 1) not in range(1, schema + 1):
        msg = f"the schema {record['schema']} is newer than {schema}"
        raise ValueError(msg)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
