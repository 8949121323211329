"""What `evalsuite study` does from end to end: design, store, track, show."""

import json
import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from evalsuite.config import CohortSource
from evalsuite.errors import EvalsuiteError
from evalsuite.output import finite, show
from evalsuite.progress import bars
from evalsuite.settings import assigned, laid_over
from evalsuite.study.blinding.audit import Audit
from evalsuite.study.home import Home, default_folder
from evalsuite.study.truth import read_truth

ADDRESS = "http://127.0.0.1:8501"  # unless EVALSUITE_STUDY_ADDRESS names that of a proxy


def overrides(
    name: str | None,
    title: str | None,
    real: str | None,
    synthetic: Sequence[str] | None,
    cases: int,
    readers: Sequence[str] | None,
    template: str | None,
    seed: int | None,
    settings: Sequence[str] | None,
) -> dict[str, Any]:
    """Return what the options of `evalsuite study create` lay over the file."""
    named = {
        "name": name,
        "title": title,
        "readers": readers,
        "template": template and template.split(","),
        "seed": seed,
    }
    values: dict[str, Any] = {key: value for key, value in named.items() if value}
    sources = [("real", real)] if real else []
    sources += [("synthetic", source) for source in synthetic or ()]
    if sources:
        cohorts = []
        for role, source in sources:
            parsed = CohortSource.parse(source)
            cohorts.append(
                {"name": parsed.name or role, "path": parsed.path, "role": role, "cases": cases}
            )
        values["cohorts"] = cohorts
    return laid_over(values, assigned(settings or ()))


def create(
    path: Path | None, values: Mapping[str, Any], home: Home, *, experiment: str | None
) -> None:
    """Create a study, print the links, and begin its MLflow run."""
    from evalsuite.study.create import create as build
    from evalsuite.study.protocol.design import load_design, read_design

    design = load_design(path, values) if path else read_design(values)
    created = build(design, home, progress=bars)
    say = typer.echo
    say(f"Study {created.study}: {created.cases} cases prepared in {home.cases(created.study)}.")
    for sentence in (*created.warnings, *(created.audit.sentences() if created.audit else ())):
        say(sentence, err=True)
    say("Links, told this once (a reader's opens the study, the lead's shows the progress):")
    for reader, token in created.invitations.items():
        say(f"  {reader}: {reader_link(token)}")
    say(f"  lead: {lead_link(created.study, created.lead_secret)}")
    say(f"Serve them with: {_command('serve', home)}", err=True)
    if experiment:
        log(created.study, home, experiment)


def reader_link(token: str) -> str:
    """Return the address that signs a reader in."""
    return f"{_address()}/enter?token={token}"


def lead_link(study: str, secret: str) -> str:
    """Return the address of the lead's page."""
    return f"{_address()}/enter?study={study}&lead={secret}"


def _address() -> str:
    return os.environ.get("EVALSUITE_STUDY_ADDRESS", ADDRESS).rstrip("/")


def audited(study: str, home: Home, *, as_json: bool) -> Audit:
    """Audit the prepared cases of a study again, print and return what was found."""
    from dataclasses import asdict

    from evalsuite.study.blinding.audit import audit
    from evalsuite.study.blinding.files import case_file

    truths = read_truth(home.truth(study))
    blinding = audit(
        {case: case_file(home.cases(study), case) for case in truths},
        {case: truth.role == "synthetic" for case, truth in truths.items()},
        subjects={case: truth.subject for case, truth in truths.items()},
        seed=0,
    )
    typer.echo(
        json.dumps(finite(asdict(blinding)), indent=1)
        if as_json
        else "\n".join(blinding.sentences())
    )
    return blinding


def status(study: str | None, home: Home, *, entry: str | None, as_json: bool) -> None:
    """Print one row per reader, whether the audit log is whole, and signs of careless reading."""
    if entry and not study:
        raise EvalsuiteError("--entry HASH is that of one study. Name it: status STUDY.")
    from evalsuite.statistics.careless import told
    from evalsuite.study.oversight import CALM, signs
    from evalsuite.study.storage.study_database import StudyDatabase

    database = StudyDatabase(home.database)
    rows: list[dict[str, Any]] = []
    for name in [study] if study else database.studies():
        raised = signs(database, name)
        later = {reader.name for reader in database.readers(name) if reader.later}
        rows += [
            row
            | {
                "later": row["reader"] in later,
                "signs": [s.quantity for s in raised if s.at("reader") == row["reader"]],
            }
            for row in database.progress(name)
        ]
        for sign in raised:
            typer.echo(f"{name}: {told(sign)}.", err=True)
        if raised:
            typer.echo(CALM, err=True)
        fault = database.verify(name, entry)
        if fault:
            raise EvalsuiteError(f"The audit log of {name} is broken: {fault}")
        last = database.events(name)[-1]
        typer.echo(
            f"The audit log of {name} is whole: {last.seq} entries, the last {last.hash}", err=True
        )
    show(rows if as_json else [_brief(row, named=not study) for row in rows], as_json=as_json)


def _brief(row: Mapping[str, Any], *, named: bool) -> dict[str, object]:
    """Return a row of the progress that fits a terminal of 80 columns."""
    per_case = row["seconds_per_case"]
    return {
        **({"study": row["study"]} if named else {}),
        "reader": row["reader"] + (" (later)" if row["later"] else ""),
        "answered": f"{row['answered']} of {row['total']}",
        "minutes": f"{row['active_seconds'] / 60:.0f}",
        "s/case": "" if per_case is None else f"{per_case:.0f}",
        "last seen": (row["last_seen"] or "")[: 10 if named else 16].replace("T", " "),
        "signs": len(row["signs"]) or "",
    }


def close(study: str, home: Home, experiment: str | None) -> None:
    """Close a study and bring its MLflow runs up to date."""
    from evalsuite.study.storage.study_database import StudyDatabase

    StudyDatabase(home.database).close(study)
    export_it = f"{_command('export', home, study)} --output {study}.csv"
    typer.echo(f"{study} is closed. Export it with: {export_it}", err=True)
    if experiment:
        log(study, home, experiment)


def log(study: str, home: Home, experiment: str) -> None:
    """Bring the MLflow runs of a study up to date; with ratings only once it is closed."""
    from evalsuite import tracking
    from evalsuite.study.export import long_table, with_scales, write_csv
    from evalsuite.study.protocol.questions import parse_questions
    from evalsuite.study.storage.study_database import StudyDatabase
    from evalsuite.tracking.record import STUDY, Tag, by_weights
    from evalsuite.volumes.provenance import weights_of

    database = StudyDatabase(home.database)
    about = database.study(study)
    closed = about.state == "closed"
    readers = {str(row["reader"]): _numbers(row) for row in database.progress(study)}
    values = {
        "readers": float(len(readers)),
        "answered": sum(row["answered"] for row in readers.values()),
        "presentations": sum(row["total"] for row in readers.values()),
    }
    with TemporaryDirectory() as scratch:
        files = []
        made_from: dict[str, Tag] = {}
        if closed and home.truth(study).exists():
            truth = read_truth(home.truth(study))
            sources: dict[str, list[Path]] = defaultdict(list)
            for case in truth.values():
                sources[case.cohort].append(Path(case.source))
            made_from = by_weights({name: weights_of(files) for name, files in sources.items()})
            table = long_table(database.responses(study), truth)
            values |= _means(with_scales(table, parse_questions(about.design["questions"])))
            files.append(Path(scratch) / "responses.csv")
            write_csv(table, files[0])
        identity = {STUDY: about.design_hash, "evalsuite.reader": ""}
        runs = {
            reader: tracking.RunRecord(
                f"{study}: {reader}",
                {**identity, "evalsuite.reader": reader},
                points=[(name, value, 0) for name, value in row.items()],
            )
            for reader, row in readers.items()
        }
        record = tracking.RunRecord(
            study,
            identity,
            config=about.design,
            points=[(name, value, 0) for name, value in values.items()],
            files={file.name: file for file in files},
            made_from=made_from,
            status="FINISHED" if closed else "RUNNING",
            nested=runs,
        )
        tracking.log(
            record,
            experiment=experiment,
            kept="the database of the study",
            command=_command("log", home, study),
        )


def _means(table: Any) -> dict[str, float]:
    """Return what a closed study came to, by the name of an MLflow metric.

    `QUESTION/COHORT` is the mean answer over all readings, where answers have an order; for a
    choice between two `QUESTION/COHORT/right` is the share of them in which the real volume was told from one of
    the cohort, 0.5 for guessing. What counts as a reading: see `evalsuite.study.export.counted`.
    """
    from evalsuite.study.export import counted

    rows = counted(table)
    values: dict[str, list[float]] = defaultdict(list)
    averaged = rows["scale"].isin(["ordinal", "interval"]) | (rows["analysis"] == "choice")
    for row in rows[averaged].to_dict("records"):
        # Which of a pair stood left tells nothing of the cohorts.
        sides = sorted(zip(row["role"].split("|"), row["cohort"].split("|"), strict=True))
        if row["analysis"] == "choice":
            name = f"{row['question']}/{sides[-1][1]}/right"
            values[name].append(float(row["answer"] == row["real_side"]))
        else:
            name = f"{row['question']}/{'-'.join(cohort for _, cohort in sides)}"
            values[name].append(float(row["answer"]))
    return {name: sum(answers) / len(answers) for name, answers in values.items()}


def _numbers(row: Mapping[str, object]) -> dict[str, float]:
    return {key: float(value) for key, value in row.items() if isinstance(value, int | float)}


def _command(verb: str, home: Home, *study: str) -> str:
    """Return `evalsuite study VERB [STUDY]` with the options that find this home again."""
    usual = Home.at(default_folder())
    words = ["evalsuite", "study", verb, *study]
    if home.app != usual.app:
        words += ["--home", str(home.app.parent)]
    if home.database != Home.at(home.app.parent).database:
        words += ["--database", home.database]
    return shlex.join(words)
