"""The benchmarks: which there are, and how often intervals held the truth in them."""

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.markdown import cell, code, table

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
RESULTS = SCRIPTS / "results"
TITLES = {"kid": "KID", "mmd_rbf": "MMD", "pairs": "likeness of pairs (MS-SSIM)"}
INTERVALS = "95 % intervals"
HEAD = ("95 % interval of", "in", "designs", "lowest", "mean", "highest")


def scripts() -> str:
    """Return a row for each script, with the first line of what it says of itself."""
    rows = []
    for path in sorted(SCRIPTS.glob("*.py")):
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if told:
            rows.append((code(path.name), cell(told.partition("\n\n")[0])))
    return table(("script", "what it measures"), rows)


def metrics() -> str:
    """Return a row for each quantity of a metric and kind of design."""
    measured = _read("metric_intervals")
    rows = [
        _row(TITLES.get(name, name), where, [row["held"] for row in own])
        for (name, where), own in _grouped(measured["rows"], _where).items()
    ]
    return f"{measured['replicates']} replicates each; those of shares a quarter.\n\n{table(HEAD, rows)}"


def readers() -> str:
    """Return a row for each quantity of a reader study, and for agreement among odd readers."""
    agreement, study = _read("agreement_intervals"), _read("coverage")
    intervals = [row for row in study["rows"] if row["what"] == INTERVALS]
    quantities = [name for name in intervals[3] if isinstance(intervals[3][name], float)]
    rows = [
        _row(name, "all designs", [100 * row[name] for row in intervals if name in row])
        for name in quantities
    ]
    rows += [
        _row(name, where, [row["held"] for row in own])
        for (name, where), own in _grouped(agreement["rows"], lambda r: r["components"]).items()
    ]
    told = (
        f"{study['studies']} studies each; of agreement by kind of readers {agreement['studies']}."
    )
    return f"{told}\n\n{table(HEAD, rows)}"


def tests() -> str:
    """Return a row for each test of a reader study, alone and in a study of five cohorts."""
    study = _read("coverage")
    shares: dict[tuple[str, str], list[float]] = {}
    for row in study["rows"]:
        if row["what"] != INTERVALS:
            for name, value in row.items():
                if isinstance(value, float):
                    shares.setdefault((name, row["what"]), []).append(100 * value)
    return table(("test", *HEAD[1:]), [_row(*about, own) for about, own in shares.items()])


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def _where(row: Mapping[str, Any]) -> str:
    if "tails" in row:
        return f"{row['tails']} tails"
    if "width" in row:
        return "normal features"
    return f"{row['volumes']} volumes, some unlike all others"


def _grouped(
    rows: Sequence[Mapping[str, Any]], where: Any
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["quantity"], where(row)), []).append(row)
    return groups


def _row(name: str, where: str, held: Sequence[float]) -> tuple[str, ...]:
    numbers = (min(held), sum(held) / len(held), max(held))
    return (name, where, str(len(held)), *(f"{number:.0f} %" for number in numbers))
