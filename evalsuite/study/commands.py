"""`evalsuite study`: parse, call one function, print."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evalsuite.errors import EvalsuiteError
from evalsuite.options import AsJson as Json
from evalsuite.options import Database as DatabaseOption
from evalsuite.options import Experiment, NoTracking, Set
from evalsuite.options import StudiesHome as HomeOption
from evalsuite.output import show
from evalsuite.study.home import Home, default_folder
from evalsuite.study.power_command import power

app = typer.Typer(
    no_args_is_help=True,
    help="Design, run, close and export a blinded reader study; `serve` it to the readers.",
)

Study = Annotated[str, typer.Argument(help="Name of the study.")]
Reader = Annotated[str, typer.Argument(help="Name of the reader.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def create(
    design: Annotated[
        Path | None, typer.Argument(help="YAML file of the design; options lie over it.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the study, which readers never see.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help='What readers see in its place; default "Reader study".')
    ] = None,
    real: Annotated[str | None, typer.Option(metavar="[NAME=]DIR", help="Real cohort.")] = None,
    synthetic: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Synthetic cohort; give it again for more."),
    ] = None,
    cases: Annotated[
        int, typer.Option(min=1, help="Cases of each cohort that is named by an option.")
    ] = 20,
    reader: Annotated[list[str] | None, typer.Option(help="A reader; once for each.")] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Questions by `evalsuite study templates`, such as turing,paper."),
    ] = None,
    set_: Set = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the choice of cases.")] = None,
    home: HomeOption = None,
    database: DatabaseOption = None,
    experiment: Experiment = "evalsuite-studies",
    no_tracking: NoTracking = False,
) -> None:
    """Choose and prepare the cases, audit the blinding, enrol the readers, print their links."""
    from evalsuite.study import workflow

    workflow.create(
        design,
        workflow.overrides(name, title, real, synthetic, cases, reader, template, seed, set_),
        _home(home, database),
        experiment=None if no_tracking else experiment,
    )


@app.command()
def templates(
    names: Annotated[
        list[str] | None, typer.Argument(help="Print their questions as YAML, for a design.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the templates of questions; print those that are named, with all their options."""
    from evalsuite.study.protocol.questions import TEMPLATES, spelled_out

    if names:
        typer.echo(spelled_out(names), nl=False)
        return
    rows = [
        {"template": name, "question": question.name, "kind": question.kind, "text": question.text}
        for name, questions in TEMPLATES.items()
        for question in questions
    ]
    show(rows, as_json=as_json)


@app.command()
def audit(
    study: Study, home: HomeOption = None, database: DatabaseOption = None, as_json: Json = False
) -> None:
    """Try to tell real from synthetic cases by trivial cues; exit with status 1 if they leak."""
    from evalsuite.study import workflow

    if workflow.audited(study, _home(home, database), as_json=as_json).leaks:
        raise typer.Exit(1)


app.command()(power)


@app.command()
def status(
    study: Annotated[str | None, typer.Argument(help="Name of the study; default: all.")] = None,
    home: HomeOption = None,
    database: DatabaseOption = None,
    entry: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="Fail unless the audit log holds this entry, as an earlier status or export told.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the progress of each reader, and whether the audit log is whole."""
    from evalsuite.study import workflow

    workflow.status(study, _home(home, database), entry=entry, as_json=as_json)


@app.command()
def invite(
    study: Study, reader: Reader, home: HomeOption = None, database: DatabaseOption = None
) -> None:
    """Print a new link for a reader; older ones no longer open anything."""
    from evalsuite.study.workflow import reader_link

    typer.echo(reader_link(_open(home, database).invite(study, reader)))


@app.command()
def enrol(
    study: Study,
    reader: Reader,
    in_place_of: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Give them the cases of a reader who gave up."),
    ] = None,
    home: HomeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Enrol a reader who comes later, with an order of their own, and print their link, this once."""
    from evalsuite.study.enrol import enrol as enrolled
    from evalsuite.study.workflow import reader_link

    token = enrolled(study, reader, _home(home, database), in_place_of=in_place_of)
    typer.echo(reader_link(token))


@app.command()
def revoke(
    study: Study,
    reader: Reader,
    home: HomeOption = None,
    database: DatabaseOption = None,
    yes: Yes = False,
) -> None:
    """Withdraw a reader's link and end their sessions; their answers stay."""
    studies = _open(home, database)
    studies.study(study)
    _ask(f"{reader} will be signed out of {study} and need a new link.", yes=yes)
    studies.revoke(study, reader)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8501,
    base_path: Annotated[
        str, typer.Option(metavar="/PATH", help="Path below which a proxy forwards to the app.")
    ] = "",
    trusted_proxies: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS,...",
            envvar="FORWARDED_ALLOW_IPS",
            help="Whose X-Forwarded-For and X-Forwarded-Proto are believed; networks may be named.",
        ),
    ] = "",
    home: HomeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Serve the studies to their readers and leads until Ctrl-C, and print the address."""
    from evalsuite.study.serve import serve as run

    run(
        _home(home, database),
        host=host,
        port=port,
        base_path=base_path,
        trusted_proxies=trusted_proxies,
    )


@app.command()
def pause(study: Study, home: HomeOption = None, database: DatabaseOption = None) -> None:
    """Take no answers until `evalsuite study resume`."""
    _open(home, database).pause(study)


@app.command()
def resume(study: Study, home: HomeOption = None, database: DatabaseOption = None) -> None:
    """Take answers again."""
    _open(home, database).resume(study)


@app.command()
def close(
    study: Study,
    home: HomeOption = None,
    database: DatabaseOption = None,
    experiment: Experiment = "evalsuite-studies",
    no_tracking: NoTracking = False,
    yes: Yes = False,
) -> None:
    """End the study for good: no more answers, and the truth may be exported."""
    from evalsuite.study import workflow

    rows = _open(home, database).progress(study)
    answered, total = (sum(row[key] for row in rows) for key in ("answered", "total"))
    _ask(
        f"{study} has answers to {answered} of {total} presentations and will never take another.",
        yes=yes,
    )
    workflow.close(study, _home(home, database), None if no_tracking else experiment)


@app.command()
def export(
    study: Study,
    output: Annotated[
        Path, typer.Option(help="File: .csv, .parquet, or .imrmc for the iMRMC software.")
    ],
    unblind: Annotated[
        bool, typer.Option("--unblind", help="With the truth before the study is closed; logged.")
    ] = False,
    home: HomeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write all answers as a long table; with the truth once the study is closed."""
    from evalsuite.study.export import export as write

    typer.echo(write(study, output, _home(home, database), unblind=unblind), err=True)


@app.command("import")
def import_(
    study: Study,
    table: Annotated[Path, typer.Argument(help="CSV: reader, presentation, question, answer.")],
    home: HomeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Add answers that were gathered elsewhere, such as on paper; each is logged as imported."""
    from evalsuite.study.paper import import_table

    typer.echo(import_table(study, table, _home(home, database)), err=True)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the answers.")] = 0,
    home: HomeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Create a study of simulated brains, with the answers of three simulated readers."""
    from evalsuite.study.demo import SIMULATED, simulate_reading
    from evalsuite.study.demo import demo as build

    place = _home(home, database)
    created = build(place, SIMULATED)
    count = simulate_reading(created.study, SIMULATED, place, seed=seed)
    typer.echo(f"Study {created.study}: {created.cases} cases, {count} simulated answers.")


@app.command()
def migrate(home: HomeOption = None, database: DatabaseOption = None) -> None:
    """Make the tables of an empty database, or bring an older one up to date."""
    from evalsuite.study.storage.study_database import StudyDatabase

    StudyDatabase(_home(home, database).database, upgrade=True)


@app.command()
def log(
    study: Study,
    home: HomeOption = None,
    database: DatabaseOption = None,
    experiment: Experiment = "evalsuite-studies",
) -> None:
    """Bring the study's MLflow runs up to date: progress, and ratings once it is closed."""
    from evalsuite.study import workflow

    workflow.log(study, _home(home, database), experiment)


def _home(folder: Path | None, database: str | None) -> Home:
    return Home.at(folder or default_folder(), database)


def _open(folder: Path | None, database: str | None) -> Any:
    from evalsuite.study.storage.study_database import StudyDatabase

    return StudyDatabase(_home(folder, database).database)


def _ask(consequence: str, *, yes: bool) -> None:
    """Tell what cannot be taken back and go on if the answer is yes; otherwise end with status 1.

    Raises:
        EvalsuiteError: if there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise EvalsuiteError(f"{consequence} Add --yes to do it without being asked.")
    typer.confirm(f"{consequence} Go on?", abort=True, err=True)
