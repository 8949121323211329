"""What came of a study: answers as they were given, and how far its readers are."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from sqlalchemy import Connection, select

from evalsuite.study.storage import answering
from evalsuite.study.storage.events import Event
from evalsuite.study.storage.tables import presentations, readers, responses, studies, submissions

GIVEN = ("submitted", "corrected", "imported")  # actions of the log that tell of answers


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
    ).mappings()
    order = list(kinds)
    enrolled = select(readers.c.id).where(readers.c.study == study).order_by(readers.c.id)
    numbers = {key: n for n, key in enumerate(connection.execute(enrolled).scalars(), 1)}
    in_order = sorted(
        rows,
        key=lambda row: (
            row["reader"], row["position"], row["revision"], order.index(row["question"])
        ),
    )  # fmt: skip
    return [
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
            **_behaviour(row["behaviour"]),
            "reader_number": numbers[row["reader"]],
        }
        for row in in_order
    ]


def _behaviour(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a case was read, by column; None for what was not recorded."""
    slices, tools = read.get("slices") or {}, read.get("tools") or {}
    screen = read.get("screen")
    return {
        "seconds": read.get("seconds"),
        "active_seconds": read.get("active_seconds"),
        **{f"{plane}_slices": slices.get(plane) for plane in get_args(answering.Plane)},
        "shape": "x".join(map(str, read["shape"])) if "shape" in read else None,
        "window_changes": read.get("window_changes"),
        "viewer": read.get("viewer"),
        "screen": f"{screen['width']}x{screen['height']}@{screen['ratio']:g}" if screen else None,
        "small_screen": read.get("small_screen"),
        **{tool: tools.get(tool) for tool in get_args(answering.Tool)},
    }


def progress(connection: Connection, study: str) -> list[dict[str, Any]]:
    """Return one row per reader: how far they are, how long they took, when last seen."""
    people = connection.execute(
        select(readers).where(readers.c.study == study).order_by(readers.c.id)
    ).all()
    rows = []
    for person in people:
        schedule = answering.plan(connection, person.id)
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


def contradiction(connection: Connection, study: str, entries: Sequence[Event]) -> str | None:
    """Return a sentence on the first answers that differ from what the log tells, None if none do.

    The chain alone would not tell that an answer was changed after it was logged.
    """
    logged = {
        (entry.detail["presentation"], entry.detail["revision"]): entry.detail["answers"]
        for entry in entries
        if entry.action in GIVEN
    }
    stored: dict[tuple[str, int], dict[str, Any]] = {}
    for row in connection.execute(
        select(
            submissions.c.presentation,
            submissions.c.revision,
            responses.c.question,
            responses.c.answer,
        )
        .join(presentations, presentations.c.token == submissions.c.presentation)
        .join(readers, readers.c.id == presentations.c.reader)
        .join(responses, responses.c.submission == submissions.c.id, isouter=True)
        .where(readers.c.study == study)
    ):
        answers = stored.setdefault((row.presentation, row.revision), {})
        if row.question is not None:
            answers[row.question] = row.answer
    for token, revision in [*logged, *(given for given in stored if given not in logged)]:
        where = f"presentation {token}, revision {revision}"
        if (token, revision) not in logged:
            return f"the log knows no answers to {where}."
        if (token, revision) not in stored:
            return f"the answers to {where} are missing."
        if stored[token, revision] != logged[token, revision]:
            return f"the answers to {where} are not those of the log."
    return None
