"""`evalsuite report`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer


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
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help="A reader of the study whose answers are not to count; told and recorded."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of the report.")] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of the studies; default EVALSUITE_STUDIES, else studies."),
    ] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the studies.")] = None,
    replicates: Annotated[int, typer.Option(min=100, help="Of every bootstrap.")] = 2000,
    experiment: Annotated[
        str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment.")
    ] = "evalsuite-reports",
    no_tracking: Annotated[bool, typer.Option("--no-tracking", help="Skip MLflow.")] = False,
) -> None:
    """Write a report of a study, evaluations and utility experiments that opens offline and prints.

    One HTML file, its tables as CSV and LaTeX, its figures as SVG and PNG, and an MLflow run.
    """
    from evalsuite.results import refuse_to_overwrite
    from evalsuite.study.home import Home, default_folder
    from reports.build import build, write_report
    from reports.sources import read_evaluation, read_study

    refuse_to_overwrite(output)
    read = read_study(study, Home.at(home or default_folder(), database)) if study else None
    read = read.without(leave_out) if read and leave_out else read
    evaluations = [read_evaluation(folder) for folder in evaluation or ()]
    made = build(read, evaluations, utilities=utility or (), title=title, replicates=replicates)
    page = write_report(made, output)
    typer.echo(page)
    if not no_tracking:
        from evalsuite import tracking
        from evalsuite.tracking.report import run_record

        run = tracking.log(run_record(output), experiment=experiment, kept=output)
        typer.echo(f"MLflow run: {run.run_id} ({run.hint})", err=True)
