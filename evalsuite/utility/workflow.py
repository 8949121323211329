"""What `evalsuite utility` does from end to end: train, keep on disk, draw, track, show."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalsuite import plugins
from evalsuite.progress import bars
from evalsuite.utility.config import ARMS, UtilityConfig
from evalsuite.utility.results import UtilityResults, read_results, to_json, write_results
from evalsuite.writable import refuse_unwritable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from evalsuite.tracking.record import Status


def segmentation(
    config: UtilityConfig,
    output: Path,
    *,
    resume: bool,
    device: str,
    experiment: str | None,
    run_name: str | None,
    as_json: bool,
) -> None:
    """Run the experiment, write its folder, print its tables, then log it to MLflow."""
    from evalsuite.utility.segmentation import Resources
    from evalsuite.utility.segmentation import segmentation as run

    def report(sentence: str) -> None:
        # A terminal has the bar; a log file has these.
        if not sys.stderr.isatty():
            typer.echo(sentence, err=True)

    refuse_unwritable(output, "--output DIR")
    track = _tracker(output, experiment, run_name)
    latest: list[UtilityResults] = []

    def reached(results: UtilityResults) -> None:
        latest[:] = [results]
        track(results, "RUNNING")

    try:
        results = run(config, output, Resources(device, bars, report, reached), resume=resume)
        points = plugins.available("utility_figures")
        figures = {name: plugins.loaded(point)(results) for name, point in points.items()}
        write_results(results, figures, output)
    except BaseException as error:
        for results in latest:
            track(results, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    show(results, output, as_json=as_json)
    if experiment:
        typer.echo(log(output, experiment, run_name), err=True)


def _tracker(
    folder: Path, experiment: str | None, run_name: str | None
) -> "Callable[[UtilityResults, Status], None]":
    """Return what brings the MLflow runs of an experiment that is not finished up to date.

    Once MLflow has not answered it is asked again only when the experiment ends.
    """
    silenced: list[str] = []

    def track(results: UtilityResults, status: "Status") -> None:
        from evalsuite import tracking
        from evalsuite.utility.tracked import run_record

        running = status == "RUNNING"
        if experiment is None or (silenced and running):
            return
        record = run_record(results, folder, run_name, status)
        later = None if running else "the same command and --resume"
        try:
            tracking.log(record, experiment=experiment, kept=folder, command=later)
        except tracking.TrackingError as error:
            silenced.append(str(error))
            typer.echo(f"{'The experiment goes on. ' if running else ''}{error}", err=True)

    return track


def log(folder: Path, experiment: str, run_name: str | None) -> str:
    """Log an experiment on disk to MLflow and return a sentence on where."""
    from evalsuite import tracking
    from evalsuite.utility.tracked import run_record

    record = run_record(read_results(folder), folder, run_name)
    return tracking.log(record, experiment=experiment, kept=folder).told


def show(results: UtilityResults, folder: Path, *, as_json: bool) -> None:
    """Print the tables on stdout, where the results lie and what is to be doubted on stderr."""
    from rich.console import Console

    if as_json:
        typer.echo(json.dumps(to_json(results), indent=1))
    else:
        console = Console(width=None if sys.stdout.isatty() else 120)
        _summary(results, console)
        _comparisons(results, console)
    for warning in results.warnings:
        typer.echo(warning, err=True)
    typer.echo(f"Results: {folder}", err=True)


def _summary(results: UtilityResults, console: "Console") -> None:
    from rich import box
    from rich.table import Table

    for metric, unit in (("dice", "higher is better"), ("hd95", "mm, lower is better")):
        part = results.summary[results.summary["quantity"] == metric]
        title = f"{metric}, {unit}; mean [95 % interval] on {len(results.splits['test'])} subjects"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("arm", "share", *_structures(part["structure"])):
            table.add_column(column, justify="left" if column == "arm" else "right")
        for (arm, share), of_arm in part.groupby(["arm", "share"], sort=False):
            numbers = of_arm[["value", "low", "high"]].to_numpy(dtype=float)
            cells = [_value(*row) for row in numbers]
            label = ARMS[str(arm)].label
            table.add_row(label, f"{share:g} %" if share else "", *cells)
        console.print(table)


def _comparisons(results: UtilityResults, console: "Console") -> None:
    from rich import box
    from rich.table import Table

    table = Table(
        title="Dice, difference on the same cases [95 % interval], p corrected after Holm",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column in ("first", "less", "share", "structure", "difference", "p"):
        table.add_column(column, justify="right" if column in ("difference", "p") else "left")
    differences = results.comparisons[results.comparisons["quantity"] == "dice"]
    shown = differences[differences["structure"] == differences["structure"].iloc[-1]]
    for row in shown.to_dict("records"):
        cell = _value(row["value"], row["low"], row["high"], sign="+")
        labels = (row["first"], row["second"], f"{row['share']:g} %", row["structure"])
        table.add_row(*map(str, labels), cell, f"{row['p_holm']:.3f}")
    console.print(table)


def _structures(column: object) -> list[str]:
    return [str(name) for name in dict.fromkeys(column)]  # type: ignore[call-overload]


def _value(value: float, low: float, high: float, *, sign: str = "") -> str:
    return f"{value:{sign}.3f} \\[{low:{sign}.3f}, {high:{sign}.3f}]"
