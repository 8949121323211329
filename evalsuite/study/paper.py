"""Answers that were gathered elsewhere, on their way in."""

import csv
import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from evalsuite.errors import EvalsuiteError
from evalsuite.spreadsheets import unguarded
from evalsuite.study.home import Home
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.storage.study_database import StudyDatabase

WANTED = ("reader", "presentation", "question", "answer")


def import_table(study: str, path: Path, home: Home) -> str:
    """Add answers that were gathered elsewhere, all of them or none, and say how many.

    Args:
        study: its name.
        path: CSV with the columns reader, presentation, question and answer.
        home: where the study lies.

    Raises:
        EvalsuiteError: naming the line of the first answer that cannot be taken.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in WANTED if name not in (reader.fieldnames or ())]
            if missing:
                raise EvalsuiteError(f"{path}: it has no column {missing[0]}.")
            rows: list[dict[str, Any]] = [
                {name: unguarded(row[name]) for name in WANTED} | {"line": reader.line_num}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise EvalsuiteError(f"{path}: it cannot be read: {reason}.") from None

    def whose(row: Mapping[str, Any]) -> tuple[str, str]:
        return str(row["reader"]), str(row["presentation"])

    database = StudyDatabase(home.database)
    asked = parse_questions(database.study(study).design["questions"])
    remarks = {question.name for question in asked if question.analysis == "remarks"}
    batches = []
    for (name, presentation), group in groupby(sorted(rows, key=whose), key=whose):
        batch = list(group)
        answers = {
            row["question"]: row["answer"]
            if row["question"] in remarks
            else _parsed(str(row["answer"]))
            for row in batch
        }
        batches.append((batch[0]["line"], name, presentation, answers))
    stored = database.import_answers(study, batches, path.name)
    return f"{stored} presentations imported from {path}; {len(batches) - stored} were there."


def _parsed(text: str) -> object:
    """Return a cell as the answer it was: a number, a list of numbers, or text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
