"""`evalsuite report`: parse, call one function, print."""

import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evalsuite import options


class Format(StrEnum):
    """What a report is written as besides HTML."""

    docx = "docx"
    latex = "latex"


def report(
    output: Annotated[Path, typer.Option(help="New folder for the report.")],
    study: Annotated[
        str | None,
        typer.Option(help="Name of a study, or a table of `evalsuite study export`."),
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(help="Results of `evalsuite compute-metrics`; repeat for more."),
    ] = None,
    utility: Annotated[
        list[Path] | None,
        typer.Option(help="Results of `evalsuite utility`; repeat for more."),
    ] = None,
    audit: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of `evalsuite audit`; repeat for more."),
    ] = None,
    certificate: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of `evalsuite certify`; repeat for more."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help="A reader of the study whose answers are not to count; told and recorded."
        ),
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            help="Besides HTML: docx (Word) or latex; repeat for both.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of the report.")] = None,
    home: options.StudiesHome = None,
    database: options.Database = None,
    replicates: Annotated[int, typer.Option(min=100, help="Of every bootstrap.")] = 2000,
    experiment: options.Experiment = "evalsuite-reports",
    no_tracking: options.NoTracking = False,
) -> None:
    """Write a report of a study, evaluations and utility experiments that opens offline and prints.

    One HTML file, its tables as CSV and LaTeX, its figures as SVG, PDF and PNG, and an MLflow run.
    """
    from evalsuite.study.home import Home, default_folder
    from evalsuite.writable import refuse_to_overwrite
    from reports.build import build, write_report
    from reports.sources import read_evaluation, read_study

    refuse_to_overwrite(output)
    read = read_study(study, Home.at(home or default_folder(), database)) if study else None
    read = read.without(leave_out) if read and leave_out else read
    evaluations = [read_evaluation(folder) for folder in evaluation or ()]
    made = build(
        read,
        evaluations,
        utilities=utility or (),
        audits=audit or (),
        certificates=certificate or (),
        title=title,
        replicates=replicates,
    )
    with warnings.catch_warnings(record=True) as told:
        page = write_report(made, output, [one.value for one in formats or ()])
    for warning in told:
        typer.echo(warning.message, err=True)
    typer.echo(page)
    if not no_tracking:
        from evalsuite import tracking
        from evalsuite.tracking.report import run_record

        tracked = tracking.log(run_record(output), experiment=experiment, kept=output)
        typer.echo(tracked.told, err=True)
