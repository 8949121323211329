"""Presentations and answers inside a transaction: what a reader sees next, and what he said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from evalsuite.errors import EvalsuiteError
from evalsuite.study import events
from evalsuite.study.access import note_seen
from evalsuite.study.questions import check_answers, parse_questions
from evalsuite.study.tables import (
    cases,
    presentations,
    readers,
    responses,
    studies,
    submissions,
)

BEHAVIOUR_LIMIT = 20_000  # characters of JSON


class Forbidden(EvalsuiteError):  # noqa: N818
    """Something was asked for that is not this reader's to see or to do now."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """One showing of a case, or of a pair, to one reader.

    Args:
        token: its public name.
        position, total: within the whole schedule.
        phase: whether there is feedback.
        phase_position, phase_total: within the phase.
        cases: one case id, or the left and the right one.
        following: token of the next one, None at the end.
        answered: whether there is a submission.
    """

    token: str
    position: int
    total: int
    phase: Literal["training", "reading"]
    phase_position: int
    phase_total: int
    cases: tuple[str, ...]
    following: str | None
    answered: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission.

    Args:
        stored: whether this call stored it; False if it was there already.
        revision: 0 for the first, one more for every correction.
        feedback: what the reader is told, in training.
    """

    stored: bool
    revision: int
    feedback: str | None


def plan(connection: Connection, reader_id: int) -> list[Presentation]:
    """Return a reader's whole schedule in order."""
    rows = connection.execute(
        select(presentations, func.count(submissions.c.id).label("answers"))
        .join(submissions, submissions.c.presentation == presentations.c.token, isouter=True)
        .where(presentations.c.reader == reader_id)
        .group_by(presentations.c.token)
        .order_by(presentations.c.position)
    ).all()
    sizes = {phase: sum(r.phase == phase for r in rows) for phase in ("training", "reading")}
    found = []
    for place, row in enumerate(rows):
        before = sum(r.phase == row.phase for r in rows[:place])
        found.append(
            Presentation(
                token=row.token,
                position=row.position,
                total=len(rows),
                phase=row.phase,
                phase_position=before + 1,
                phase_total=sizes[row.phase],
                cases=tuple(row.cases),
                following=rows[place + 1].token if place + 1 < len(rows) else None,
                answered=row.answers > 0,
            )
        )
    return found


def submit(
    connection: Connection,
    reader_id: int,
    token: str,
    key: str,
    answers: Mapping[str, Any],
    behaviour: Mapping[str, Any],
    *,
    imported: bool = False,
) -> Receipt:
    """Store answers once and for all; the caller's transaction decides whether they stand.

    Args:
        key: made by the sender; the same key is the same submission sent again.
        imported: whether they were gathered elsewhere, and so in any order.

    Raises:
        Forbidden: if they cannot be taken from this reader now.
        EvalsuiteError: if an answer does not fit its question.
    """
    about = _of(connection, reader_id, token)
    events.hold(connection, about.study)
    earlier = connection.execute(
        select(submissions.c.revision, submissions.c.key)
        .where(submissions.c.presentation == token)
        .order_by(submissions.c.revision)
    ).all()
    feedback = _feedback(connection, about)
    same = [row for row in earlier if row.key == key]
    revisable = bool(about.design.get("revisable"))
    if same or (earlier and not (revisable and about.phase == "reading")):
        return Receipt(False, (same or earlier)[-1].revision, feedback)
    if about.state != "open":
        raise Forbidden(f"The study is {about.state}; it takes no answers now.")
    if not earlier and not imported:
        current = next((p for p in plan(connection, reader_id) if not p.answered), None)
        if current is None or current.token != token:
            raise Forbidden("This case is not the one that is due; load the page again.")
    checked = check_answers(parse_questions(about.design["questions"]), answers)
    if len(json.dumps(behaviour)) > BEHAVIOUR_LIMIT:
        raise Forbidden("The record of the reading is larger than any viewer makes it.")
    revision = len(earlier)
    inserted = connection.execute(
        insert(submissions)
        .values(
            presentation=token,
            revision=revision,
            key=key,
            submitted_at=events.now(),
            behaviour={**behaviour, **({"imported": True} if imported else {})},
        )
        .returning(submissions.c.id)
    ).scalar_one()
    if not imported:
        note_seen(connection, reader_id)
    if checked:
        connection.execute(
            insert(responses),
            [{"submission": inserted, "question": q, "answer": a} for q, a in checked.items()],
        )
    if about.locked_at is None:
        connection.execute(
            update(studies).where(studies.c.name == about.study).values(locked_at=events.now())
        )
        events.append(
            connection, about.study, "app", "design locked", {"design_hash": about.design_hash}
        )
    action = "imported" if imported else ("corrected" if revision else "submitted")
    detail = {"presentation": token, "revision": revision, "answers": checked}
    events.append(connection, about.study, f"reader {about.name}", action, detail)
    return Receipt(True, revision, feedback)


def latest(connection: Connection, reader_id: int, token: str) -> dict[str, Any]:
    """Return the answers of the last revision, by question."""
    rows = connection.execute(
        select(submissions.c.revision, responses.c.question, responses.c.answer)
        .join(responses, responses.c.submission == submissions.c.id)
        .join(presentations, presentations.c.token == submissions.c.presentation)
        .where(presentations.c.token == token, presentations.c.reader == reader_id)
    ).all()
    last = max((row.revision for row in rows), default=0)
    return {row.question: row.answer for row in rows if row.revision == last}


def table(connection: Connection, study: str) -> list[dict[str, Any]]:
    """Return every answer of a study, one row each, in the order of readers and positions."""
    design = connection.execute(
        select(studies.c.design).where(studies.c.name == study)
    ).scalar_one()
    kinds = {q["name"]: q["kind"] for q in design["questions"]}
    rows = connection.execute(
        select(presentations, submissions, responses, readers.c.name.label("who"))
        .join(submissions, submissions.c.presentation == presentations.c.token)
        .join(responses, responses.c.submission == submissions.c.id)
        .join(readers, readers.c.id == presentations.c.reader)
        .where(readers.c.study == study)
        .order_by(readers.c.id, presentations.c.position, submissions.c.revision)
    ).mappings()
    order = list(kinds)
    found = [
        {
            "study": study,
            "reader": row["who"],
            "position": row["position"],
            "phase": row["phase"],
            "presentation": row["token"],
            "case": "|".join(row["cases"]),
            "repeat_of": row["repeat_of"],
            "question": row["question"],
            "kind": kinds[row["question"]],
            "answer": row["answer"],
            "revision": row["revision"],
            "answered_at": row["submitted_at"],
            "seconds": row["behaviour"].get("seconds"),
            "active_seconds": row["behaviour"].get("active_seconds"),
        }
        for row in rows
    ]
    names = {name: place for place, name in enumerate(dict.fromkeys(r["reader"] for r in found))}
    found.sort(
        key=lambda r: (
            names[r["reader"]],
            r["position"],
            r["revision"],
            order.index(r["question"]),
        )
    )
    return found


def progress(connection: Connection, study: str) -> list[dict[str, Any]]:
    """Return one row per reader: how far he is, how long he took, when he was last seen."""
    people = connection.execute(
        select(readers).where(readers.c.study == study).order_by(readers.c.id)
    ).all()
    rows = []
    for person in people:
        schedule = plan(connection, person.id)
        behaviours: Sequence[Mapping[str, Any]] = (
            connection.execute(
                select(submissions.c.behaviour)
                .join(presentations, presentations.c.token == submissions.c.presentation)
                .where(presentations.c.reader == person.id, submissions.c.revision == 0)
            )
            .scalars()
            .all()
        )
        active = [b["active_seconds"] for b in behaviours if b.get("active_seconds") is not None]
        answered = sum(p.answered for p in schedule)
        rows.append(
            {
                "study": study,
                "reader": person.name,
                "answered": answered,
                "total": len(schedule),
                "finished": int(answered == len(schedule)),
                "active_seconds": float(sum(active)),
                "seconds_per_case": sum(active) / len(active) if active else None,
                "last_seen": person.seen_at,
            }
        )
    return rows


def _of(connection: Connection, reader_id: int, token: str) -> Any:
    """Return a presentation of this reader with its study, or refuse."""
    row = connection.execute(
        select(
            presentations.c.phase,
            presentations.c.cases,
            readers.c.name,
            readers.c.study,
            studies.c.state,
            studies.c.design,
            studies.c.design_hash,
            studies.c.locked_at,
        )
        .join(readers, readers.c.id == presentations.c.reader)
        .join(studies, studies.c.name == readers.c.study)
        .where(presentations.c.token == token, presentations.c.reader == reader_id)
    ).first()
    if row is None:
        raise Forbidden("There is no such case in this reader's schedule.")
    return row


def _feedback(connection: Connection, about: Any) -> str | None:
    if about.phase != "training":
        return None
    rows = connection.execute(
        select(cases.c.id, cases.c.feedback).where(cases.c.id.in_(about.cases))
    ).all()
    found = {row.id: row.feedback for row in rows}
    told = [found[case] for case in about.cases if found.get(case)]
    if len(told) > 1:
        return f"Left: {told[0]} Right: {told[1]}"
    return told[0] if told else None
