"""What a report is made from: studies and evaluations, read and checked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.records import Evaluation, VolumeScore
from evalsuite.results import SCORES, read_results
from evalsuite.study.export import (
    COLUMNS,
    READERS,
    SCALES,
    UNREAD,
    long_table,
    read_csv,
    readers_table,
    with_numbers,
    with_scales,
)
from evalsuite.study.home import Home
from evalsuite.study.places import Grid, read_grid
from evalsuite.study.protocol.kinds.question import Question
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.truth import read_truth
from reports.glossary import whole


@dataclass(frozen=True)
class StudyData:
    """One study as the statistics want it.

    Args:
        name: of the study.
        state: `open`, `paused` or `closed`.
        table: its long table with scales, with the truth if the study is closed.
        design: as far as it is known.
        design_hash: of the whole design.
        audit: what the audit of the blinding found, None where it is not at hand.
        people: when readers were enrolled and what they told of themselves, by number; None where
            it is not at hand, see `evalsuite.study.export.readers_table`.
        grid: of its prepared cases, where the design asks for marks.
        cases: the folder of its prepared cases, None where the study comes from an export.
        left_out: readers whose answers are not in the table because somebody said so.
    """

    name: str
    state: str
    table: pd.DataFrame
    design: Mapping[str, Any]
    design_hash: str
    audit: Mapping[str, Any] | None = None
    people: pd.DataFrame | None = None
    grid: Grid | None = None
    cases: Path | None = None
    left_out: tuple[str, ...] = ()

    def without(self, names: Sequence[str]) -> "StudyData":
        """Return the study without what some readers answered; it says who they are.

        Raises:
            EvalsuiteError: if there is no such reader.
        """
        for name in names:
            if name not in self.readers:
                raise EvalsuiteError(unknown("reader", name, self.readers))
        kept = ~self.table["reader"].astype(str).isin(names)
        table = self.table[kept].reset_index(drop=True)
        return replace(self, table=table, left_out=tuple(dict.fromkeys(names)))

    @property
    def unblinded(self) -> bool:
        """Whether the truth is in the table."""
        return "role" in self.table.columns

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """The readers who have answered something of the reading, in order of appearance."""
        read = self.table[self.table["phase"] == "reading"]
        return tuple(dict.fromkeys(read["reader"].astype(str)))

    @property
    def answered(self) -> frozenset[str]:
        """The questions that have rows in the reading."""
        return frozenset(self.table.loc[self.table["phase"] == "reading", "question"])

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions of the design."""
        return parse_questions(self.design.get("questions", []))

    @property
    def profile(self) -> tuple[Question, ...]:
        """The questions that readers were asked of themselves."""
        return parse_questions(self.design.get("profile") or [])

    @property
    def later(self) -> tuple[str, ...]:
        """The readers who came after the study was made and have answered something."""
        return tuple(
            name
            for name, enrolled in self.told_of_readers("enrolled").items()
            if enrolled == "later"
        )

    def told_of_readers(self, column: str) -> dict[str, str]:
        """Return a column of `people` by the names of readers, of those who have answered."""
        if self.people is None or column not in self.people or "reader_number" not in self.table:
            return {}
        told = self.people.set_index("reader_number")[column].dropna()
        numbers = self.table.drop_duplicates("reader").set_index("reader")["reader_number"]
        known = numbers.map(told).dropna()
        return {str(name): str(value) for name, value in known.items()}

    @property
    def unread(self) -> dict[str, list[str]]:
        """By reader, the cases that fell to them and that they did not read, as far as told."""
        told = self.told_of_readers(UNREAD)
        return {name: cases.split("; ") for name, cases in told.items() if cases}

    @property
    def points(self) -> dict[str, int]:
        """By question with options, how many it offers."""
        return {q.name: len(q.labels) for q in self.questions if q.labels}

    @property
    def texts(self) -> dict[str, str]:
        """By question, what the readers were asked."""
        return {question.name: question.text for question in self.questions}

    def question(self, name: str) -> Question:
        """Return one of the questions of the design."""
        return next(q for q in self.questions if q.name == name)


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """One evaluation with the scores of its volumes.

    Args:
        folder: where it lies.
        evaluation: its record.
        scores: the table of scores per volume, empty where the evaluation has none.
        figures: its figures, PNG.
    """

    folder: Path
    evaluation: Evaluation
    scores: pd.DataFrame
    figures: Sequence[Path]


def read_study(name: str, home: Home) -> StudyData:
    """Return a study of a home, or of a table that `evalsuite study export` wrote.

    Args:
        name: of the study, or the path of its exported CSV or Parquet file.
        home: where studies lie.

    Raises:
        EvalsuiteError: if there is no such study or file, or it is none of ours.
    """
    path = Path(name)
    if path.suffix in (".csv", ".parquet"):
        return _exported(path)
    from evalsuite.study.storage.study_database import StudyDatabase

    database = StudyDatabase(home.database)
    about = database.study(name)
    truth = read_truth(home.truth(name)) if about.state == "closed" else None
    design = dict(about.design)
    full = home.lead / name / "design.yaml"
    if full.exists():
        design = yaml.safe_load(full.read_text(encoding="utf-8"))
    audit = home.lead / name / "audit.json"
    return StudyData(
        name=name,
        state=about.state,
        table=with_scales(
            long_table(database.responses(name), truth),
            parse_questions(about.design["questions"]),
        ),
        design=design,
        design_hash=about.design_hash,
        audit=yaml.safe_load(audit.read_text(encoding="utf-8")) if audit.exists() else None,
        people=readers_table(database, name),
        grid=read_grid(home.cases(name)),
        cases=home.cases(name),
    )


def _exported(path: Path) -> StudyData:
    table = _table(path)
    record = path.with_suffix(".design.yaml")
    try:
        about = yaml.safe_load(record.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvalsuiteError(
            f"{record}: the design that was exported with the table cannot be read: "
            f"{error.strerror}. Keep both files together."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        about = None
    keys = ("study", "state", "design", "design_hash")
    if not isinstance(about, dict) or not all(key in about for key in keys):
        raise EvalsuiteError(
            f"{record}: this is no design of `evalsuite study export`; expected study, state, "
            "design and design_hash. Export the table again."
        )
    if not isinstance(about["design"], dict):
        raise EvalsuiteError(f"{record}: its design is no table. Export the table again.")
    questions = parse_questions(about["design"].get("questions", []), str(record))
    strange = sorted(set(table["question"]) - {question.name for question in questions})
    if strange:
        raise EvalsuiteError(
            f'{path}: the question "{strange[0]}" is not in {record.name}. Keep table and design '
            "of one export together."
        )
    return StudyData(
        name=str(about["study"]),
        state=str(about["state"]),
        table=with_scales(table, questions),
        design=about["design"],
        design_hash=str(about["design_hash"]),
        people=_people(path.with_suffix(READERS)),
        grid=_grid(about.get("grid")),
    )


def _grid(told: Mapping[str, Any] | None) -> Grid | None:
    return Grid(tuple(told["shape"]), tuple(told["spacing"])) if told else None


def _people(path: Path) -> pd.DataFrame | None:
    """Return the table of readers beside an export; older ones have none."""
    if not path.exists():
        return None
    try:
        return read_csv(path).astype({"reader_number": int, "enrolled": str})
    except (KeyError, ValueError):
        raise EvalsuiteError(
            f"{path}: this is no table of readers of `evalsuite study export`. Export the study "
            "again."
        ) from None


def _table(path: Path) -> pd.DataFrame:
    """Return an exported table with numbers where numbers belong, and names as they were."""
    try:
        table = read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except OSError as error:
        reason = error.strerror or "it is no Parquet file"
        raise EvalsuiteError(f"{path}: it cannot be read as a table: {reason}.") from None
    except ValueError:
        raise EvalsuiteError(
            f"{path}: it cannot be read as a table. Name a table of `evalsuite study export`."
        ) from None
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise EvalsuiteError(
            f"{path}: it has no column {missing[0]}. Name a table of `evalsuite study export`."
        )
    try:
        table = with_numbers(table)
    except ValueError as error:
        raise EvalsuiteError(f"{path}: where numbers belong, {_first_line(error)}.") from None
    return table.astype({"answer": object})


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].lower().rstrip(".")


def read_evaluation(folder: Path) -> EvaluationData:
    """Return an evaluation that `evalsuite compute-metrics` wrote.

    Raises:
        EvalsuiteError: if the folder holds none.
    """
    evaluation = read_results(folder)
    path = folder / f"{SCORES}.csv"
    columns = list(VolumeScore.__dataclass_fields__)
    scores = pd.DataFrame(columns=columns)
    if path.exists():
        texts = dict.fromkeys(set(columns) - {"value"}, str)
        scores = pd.read_csv(
            path,
            keep_default_na=False,
            na_values={"value": [""]},
            dtype=texts,
            float_precision="round_trip",  # pandas 2 drops the last digits of small numbers
        )
        scores = scores.reindex(columns=columns, fill_value="")  # older ones know no pairs
    return EvaluationData(folder, evaluation, scores, sorted((folder / "figures").glob("*.png")))


def case_scores(study: StudyData, evaluations: Sequence[EvaluationData]) -> pd.DataFrame:
    """Return the scores of the study's cases: case, metric, extractor, direction, value.

    A case is known again by the SHA-256 of its source file. A real case that was compared with
    several cohorts has one row per score, the mean.
    """
    if not study.unblinded or "digest" not in study.table or not evaluations:
        return pd.DataFrame(columns=["case", "metric", "extractor", "direction", "value"])
    known = study.table.drop_duplicates("case")[["case", "digest"]]
    scores = whole(pd.concat([e.scores for e in evaluations], ignore_index=True))
    joined = known.merge(scores, on="digest", how="inner").rename(columns={"name": "metric"})
    keys = ["case", "metric", "extractor", "direction"]
    means = joined.dropna(subset=["value"]).groupby(keys, as_index=False)["value"].mean()
    return pd.DataFrame(means)


def fingerprint(table: pd.DataFrame) -> str:
    """Return the SHA-256 of what a study's table has of its export."""
    exported = table.drop(columns=SCALES)
    return hashlib.sha256(exported.to_csv(index=False).encode()).hexdigest()
