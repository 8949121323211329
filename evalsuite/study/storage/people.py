"""Who reads: when they were enrolled, and what they told of themselves.

Both stand in the audit log and nowhere else: it cannot be changed, and older databases have it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, func, select

from evalsuite.study.protocol.questions import check_answers, parse_questions
from evalsuite.study.storage import events
from evalsuite.study.storage.tables import events as log
from evalsuite.study.storage.tables import presentations, readers, studies, submissions

TOLD = "told of themselves"  # the action of the log


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of a study.

    Args:
        number: 1 for the first that was enrolled; stands for the name where that is not told.
        name: as the lead gave it.
        enrolled_at: UTC, ISO 8601.
        later: whether the study had been made before they came.
        cases: how many different cases, or pairs, fall to them after the training.
        unread: which of these they have not answered; the two of a pair are joined by `|`.
        profile: their answers to the questions on themselves; None before they were asked.
    """

    number: int
    name: str
    enrolled_at: str
    later: bool
    cases: int
    unread: tuple[str, ...]
    profile: dict[str, Any] | None


def readers_of(connection: Connection, study: str) -> list[Reader]:
    """Return the readers of a study in the order in which they were enrolled."""
    told = _told(connection, study)
    entries = connection.execute(
        select(log.c.detail).where(log.c.study == study, log.c.action == "enrolled")
    ).scalars()
    later = {detail["reader"] for detail in entries if detail.get("later")}
    once = (presentations.c.phase == "reading") & presentations.c.repeat_of.is_(None)
    rows = connection.execute(
        select(readers.c.name, readers.c.enrolled_at, func.count(presentations.c.token))
        .join(presentations, (presentations.c.reader == readers.c.id) & once, isouter=True)
        .where(readers.c.study == study)
        .group_by(readers.c.id)
        .order_by(readers.c.id)
    ).all()
    unread: defaultdict[str, list[str]] = defaultdict(list)
    answered = exists().where(submissions.c.presentation == presentations.c.token)
    for name, cases in connection.execute(
        select(readers.c.name, presentations.c.cases)
        .join(presentations, presentations.c.reader == readers.c.id)
        .where(readers.c.study == study, once, ~answered)
        .order_by(presentations.c.position)
    ):
        unread[name].append("|".join(cases))
    return [
        Reader(
            number, name, enrolled_at, name in later, cases, tuple(unread[name]),
            told.get(_actor(name)),
        )
        for number, (name, enrolled_at, cases) in enumerate(rows, 1)
    ]  # fmt: skip


def profile(connection: Connection, reader_id: int) -> dict[str, Any] | None:
    """Return what a reader told of themselves, None before they were asked."""
    row = _row(connection, reader_id)
    return _told(connection, row.study).get(_actor(row.name))


def tell(connection: Connection, reader_id: int, answers: Mapping[str, Any]) -> None:
    """Store what a reader tells of themselves; what was told before stands.

    Raises:
        EvalsuiteError: if an answer does not fit its question.
    """
    row = _row(connection, reader_id)
    events.hold(connection, row.study)
    if _actor(row.name) not in _told(connection, row.study):
        checked = check_answers(parse_questions(row.design["profile"]), dict(answers))
        events.append(connection, row.study, _actor(row.name), TOLD, {"answers": checked})


def _row(connection: Connection, reader_id: int) -> Any:
    return connection.execute(
        select(readers.c.name, readers.c.study, studies.c.design)
        .join(studies, studies.c.name == readers.c.study)
        .where(readers.c.id == reader_id)
    ).one()


def _told(connection: Connection, study: str) -> dict[str, dict[str, Any]]:
    rows = connection.execute(
        select(log.c.actor, log.c.detail).where(log.c.study == study, log.c.action == TOLD)
    )
    return {row.actor: row.detail["answers"] for row in rows}


def _actor(name: str) -> str:
    return f"reader {name}"
