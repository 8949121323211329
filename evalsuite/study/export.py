"""All answers of a study as one long table, on its way out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.errors import EvalsuiteError
from evalsuite.spreadsheets import guarded_table, unguarded_table
from evalsuite.study.home import Home
from evalsuite.study.order import kept_seed
from evalsuite.study.places import Grid, marks_table, read_grid
from evalsuite.study.protocol.kinds.marks import Marks
from evalsuite.study.protocol.kinds.question import Question
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.truth import CaseTruth, read_truth

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.study.storage.study_database import StudyDatabase

COLUMNS = [
    "study", "reader", "position", "phase", "presentation", "case", "repeat_of", "question",
    "kind", "answer", "revision", "answered_at", "seconds", "active_seconds",
]  # fmt: skip
BEHAVIOUR = [  # older tables lack them
    "reader_number", "axial_slices", "coronal_slices", "sagittal_slices", "shape",
    "window_changes", "viewer", "screen", "small_screen", "zooms", "layouts", "cine", "distances",
]  # fmt: skip
NUMBERS = (
    "position", "revision", "seconds", "active_seconds", "real_side", "repeat_of", "reader_number",
    "axial_slices", "coronal_slices", "sagittal_slices", "window_changes", "zooms", "layouts",
    "cine", "distances",
)  # fmt: skip
TRUTH = ["cohort", "role", "stratum", "subject", "real_side", "digest"]
ALLOTTED, UNREAD = "cases_allotted", "cases_unread"
READERS = ".readers.csv"  # endings of the tables beside the export
MARKED = ".marks.csv"
SCALES = ["scale", "analysis", "lowest", "highest"]
ROLES = ("real", "synthetic")


def long_table(
    rows: Iterable[Mapping[str, Any]], truth: Mapping[str, CaseTruth] | None
) -> "pd.DataFrame":
    """Return one row per answer, with what the case is where the truth is given.

    Args:
        rows: with `COLUMNS` and `BEHAVIOUR`; `case` holds both cases of a pair, joined by `|`.
        truth: by case; None leaves out the columns `TRUTH`.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=[*COLUMNS, *BEHAVIOUR])
    if truth is None:
        return table
    subjects = _numbered(truth.values())
    shown = [
        _truth_of([truth[case] for case in cases.split("|")], subjects) for cases in table["case"]
    ]
    return table.join(pd.DataFrame(shown, columns=TRUTH, index=table.index))


def with_scales(table: "pd.DataFrame", questions: Iterable[Question]) -> "pd.DataFrame":
    """Return a long table with what each answer is, as statistics want it.

    `scale` and `analysis` are those of the kind of question, `lowest` and `highest` the ends of
    its scale; no file holds these columns, as the design tells them.

    Raises:
        KeyError: if there is a question in the table that is not among those given.
    """
    import pandas as pd

    known = {q.name: (q.scale, q.analysis, *(q.ends or (None, None))) for q in questions}
    scales = pd.DataFrame([known[name] for name in table["question"]], table.index, SCALES)
    return table.assign(**{column: scales[column] for column in SCALES})


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as CSV in UTF-8, in which no text runs as a formula."""
    guarded_table(table).to_csv(path, index=False)


def read_csv(path: Path) -> "pd.DataFrame":
    """Return what `write_csv` wrote as texts; identifiers may look like numbers, or like None."""
    import pandas as pd

    return unguarded_table(pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""]))


def with_numbers(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a long table of texts with numbers where numbers belong.

    Raises:
        ValueError: if there is something else.
    """
    import pandas as pd

    return table.assign(**{c: pd.to_numeric(table[c]) for c in NUMBERS if c in table.columns})


def export(study: str, output: Path, home: Home, *, unblind: bool) -> str:
    """Write all answers of a study, and say what was written.

    The truth goes with it once the study is closed, or where it is asked for, which is logged.

    Args:
        study: its name.
        output: ends in .csv, .parquet or .imrmc; beside it go `<name>.design.yaml`,
            `<name>.readers.csv` and, where the design asks for marks, `<name>.marks.csv`.
        home: where the study lies.
        unblind: export the truth of a study that is still open.

    Raises:
        EvalsuiteError: for another ending, a study that is not there, and a truth that is not.
    """
    from evalsuite.study.storage.study_database import StudyDatabase

    if output.suffix not in (".csv", ".parquet", ".imrmc"):
        raise EvalsuiteError(
            f"{output}: its ending is not known. Export to a file in .csv, .parquet or .imrmc."
        )
    database = StudyDatabase(home.database)
    about = database.study(study)
    closed = about.state == "closed"
    if output.suffix == ".imrmc" and not (closed or unblind):
        raise EvalsuiteError(
            f"{study} is still open, and the iMRMC format holds the truth. Close the study first, "
            "or pass --unblind, which is logged."
        )
    truth = read_truth(home.truth(study)) if closed or unblind else None
    table = long_table(database.responses(study), truth)
    questions = parse_questions(about.design["questions"])
    grid = read_grid(home.cases(study)) if any(isinstance(q, Marks) for q in questions) else None
    marks = marks_table(table, questions, grid)
    table = table.assign(answer=table["answer"].map(_as_text).astype(object))
    text, note = "", ""
    if output.suffix == ".imrmc":
        text, note = imrmc(with_scales(table, questions), study)
    if unblind and not closed:
        database.log(study, "lead", "unblinded export", {"file": output.name})
    try:
        if output.suffix == ".csv":
            write_csv(table, output)
        elif output.suffix == ".parquet":
            # The answers of different questions are numbers, lists and text.
            table.assign(answer=table["answer"].astype(str)).to_parquet(output, index=False)
        else:
            output.write_text(text, encoding="utf-8")
        write_csv(readers_table(database, study), output.with_suffix(READERS))
        if any(isinstance(q, Marks) for q in questions):
            write_csv(marks, output.with_suffix(MARKED))
        record = _record(database, study, home, grid, with_truth=truth is not None)
        output.with_suffix(".design.yaml").write_text(record, encoding="utf-8")
    except OSError as error:
        raise EvalsuiteError(f"{output}: it cannot be written: {error.strerror}.") from None
    held = "with the truth" if truth is not None else "without the truth: the study is not closed"
    return f"{len(table)} answers {held}: {output}{note}"


def readers_table(database: "StudyDatabase", study: str) -> "pd.DataFrame":
    """Return one row per reader, by number and not by name, with what they told of themselves.

    `cases_allotted` is how many different cases, or pairs, fell to them after the training, and
    `cases_unread` names those of them that they did not read. Answers with labels are told by these, several of them joined by "; ".
    """
    import pandas as pd

    questions = parse_questions(database.study(study).design.get("profile", []))
    rows = [
        {
            "reader_number": reader.number,
            "enrolled": "later" if reader.later else "at creation",
            ALLOTTED: reader.cases,
            UNREAD: "; ".join(reader.unread),
            **{q.name: _labelled(q, (reader.profile or {}).get(q.name)) for q in questions},
        }
        for reader in database.readers(study)
    ]
    columns = ["reader_number", "enrolled", ALLOTTED, UNREAD, *(q.name for q in questions)]
    return pd.DataFrame(rows, columns=columns)


def _labelled(question: Question, answer: Any) -> object:
    """Return an answer in the words of its question where it has words for it."""
    if not question.labels or answer is None:
        return answer
    numbers = answer if isinstance(answer, list) else [answer]
    return "; ".join(question.labels[int(number) - 1] for number in numbers)


def counted(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a long table that count as results, each reading of a case once.

    Of the reading, not the training; of hidden repeats the first showing; of revisions the last,
    even where it takes an answer back.
    """
    first_showings = table[(table["phase"] == "reading") & table["repeat_of"].isna()]
    last = first_showings.sort_values("revision", kind="stable").drop_duplicates(
        ["reader", "presentation", "question"], keep="last"
    )
    return last[last["answer"].notna()]


def imrmc(table: "pd.DataFrame", study: str) -> tuple[str, str]:
    """Return an unblinded table with scales in the input format of iMRMC, and a note on it.

    Real cases count as those with the signal, and every question that is asked of single cases
    on an ordered scale is a modality; where there are several synthetic cohorts, the question
    with each of them, beside the same readings of the real cases. The note, empty or a sentence,
    tells what is in the file that its reader may not expect.

    Raises:
        EvalsuiteError: if there are no such readings of both real and synthetic cases.

    References:
        Gallas et al., iMRMC software, user guide: input file format.
    """
    rows = counted(table)
    rows = rows[rows["scale"].isin(["ordinal", "interval"]) & rows["role"].isin(ROLES)]
    lacking = [role for role in ROLES if role not in set(rows["role"])]
    if lacking:
        raise EvalsuiteError(
            f"{study} has no ratings of {' or '.join(lacking)} cases, of which iMRMC compares two "
            f"kinds; it takes questions about single cases on an ordered scale. "
            "Export .csv or .parquet instead."
        )
    real, synthetic = (sorted(rows.loc[rows["role"] == r, "cohort"].unique()) for r in ROLES)
    questions = sorted(rows["question"].unique())
    modalities = {
        f"{question}:{cohort}" if len(synthetic) > 1 else question: rows[
            (rows["question"] == question) & rows["cohort"].isin([*real, cohort])
        ].sort_values(["reader", "case"])
        for question in questions
        for cohort in synthetic
    }
    notes = []
    if len(synthetic) > 1:
        notes.append(f"each question is a modality with each of {', '.join(synthetic)}")
    if len(real) > 1:
        notes.append(f"the real cohorts {', '.join(real)} are taken as one")
    note = "; ".join(notes)
    truths = rows.drop_duplicates("case").set_index("case")["role"]
    signals = int((truths == "real").sum())
    lines = [
        "Reader study exported by evalsuite; truth 1: real, 0: synthetic" + (note and f"; {note}"),
        f"NR: {rows['reader'].nunique()}",
        f"N0: {len(truths) - signals}",
        f"N1: {signals}",
        f"NM: {len(modalities)}",
        "BEGIN DATA:",
    ]
    lines += [f"-1,{case},0,{int(role == 'real')}" for case, role in sorted(truths.items())]
    names = _without_commas(rows["reader"].unique())
    for modality, ratings in modalities.items():
        columns = zip(ratings["reader"], ratings["case"], ratings["answer"], strict=True)
        lines += [f"{names[reader]},{case},{modality},{answer}" for reader, case, answer in columns]
    return "\n".join(lines) + "\n", note and f" ({note})"


def _without_commas(names: Iterable[str]) -> dict[str, str]:
    """Return each name as the format can hold it; two that would become one are numbered."""
    plain: dict[str, str] = {}
    for name in names:
        wanted = name.replace(",", " ")
        same = [other for other in plain if other.replace(",", " ") == wanted]
        plain[name] = f"{wanted} ({len(same) + 1})" if same else wanted
    return plain


def _numbered(truths: Iterable[CaseTruth]) -> dict[str, str]:
    """Return a number for the subject of each case, since a name may be a patient's."""
    whom: dict[tuple[str, str], int] = {}
    return {
        truth.case: str(
            whom.setdefault(
                ("subject", truth.subject) if truth.subject else ("case", truth.case), len(whom) + 1
            )
        )
        for truth in truths
    }


def _truth_of(truths: list[CaseTruth], subjects: Mapping[str, str]) -> dict[str, object]:
    side = next((i for i, t in enumerate(truths, 1) if t.role == "real"), None)
    return {
        "cohort": "|".join(t.cohort for t in truths),
        "role": "|".join(t.role for t in truths),
        "stratum": "|".join(t.stratum for t in truths),
        "subject": "|".join(subjects[t.case] for t in truths),
        "real_side": side if len(truths) > 1 else None,
        "digest": "|".join(t.digest for t in truths),
    }


def _as_text(answer: object) -> object:
    """Return an answer as it stands in a cell: lists as JSON."""
    return json.dumps(answer, ensure_ascii=False) if isinstance(answer, list) else answer


def _record(database: Any, study: str, home: Home, grid: Grid | None, *, with_truth: bool) -> str:
    """Return design and versions as YAML; the cohorts are in it only where the truth is."""
    import yaml

    from evalsuite.environment import environment

    about, log = database.study(study), database.events(study)
    design = dict(about.design)
    full = home.lead / study / "design.yaml"
    if with_truth and full.exists():
        design = yaml.safe_load(full.read_text(encoding="utf-8"))
    record = {
        "study": study,
        "state": about.state,
        "design_hash": about.design_hash,
        "audit_log": {"entries": len(log), "last": log[-1].hash if log else None},
        "design": design,
        **({"grid": {k: list(v) for k, v in asdict(grid).items()}} if grid else {}),
        **({"order_seed": kept_seed(home, study)} if with_truth else {}),
        "environment": environment(),
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True)
