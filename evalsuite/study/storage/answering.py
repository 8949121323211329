"""Presentations and submissions inside a transaction: what a reader sees next and answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection, exists, insert, select, update

from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.conditions import questions_of
from evalsuite.study.protocol.questions import check_answers
from evalsuite.study.storage import events
from evalsuite.study.storage.access import note_seen
from evalsuite.study.storage.tables import (
    cases,
    presentations,
    readers,
    responses,
    studies,
    submissions,
)

LONGEST = 1e9  # seconds that a case may have been open
Seconds = Annotated[float, Field(ge=0, le=LONGEST)]
Count = Annotated[int, Field(ge=0, le=LONGEST)]
Plane = Literal["axial", "coronal", "sagittal"]
Tool = Literal["zooms", "layouts", "cine", "distances"]
ANSWERED = exists().where(submissions.c.presentation == presentations.c.token)


class Screen(Declared):
    """What a case was read on: the window in CSS pixels, and the device's pixels for each."""

    width: Count
    height: Count
    ratio: float = Field(gt=0, le=100)


class Behaviour(Declared):
    """How a case was read, as the viewer tells it; nothing else is stored with an answer.

    Viewers: `webgl2`, or `canvas` where a browser has no WebGL2; `-coarse` where drawing was too
    slow for all the screen's pixels while the view moved; `png` before, drawn by the server.
    `shape` is how many slices there were: sagittal, coronal, axial.
    """

    seconds: Seconds | None = None
    active_seconds: Seconds | None = None
    slices: dict[Plane, Count] | None = None
    window_changes: Count | None = None
    viewer: Literal["webgl2", "webgl2-coarse", "canvas", "canvas-coarse", "png"] | None = None
    tools: dict[Tool, Count] | None = None
    small_screen: bool | None = None
    screen: Screen | None = None
    shape: tuple[Count, Count, Count] | None = None


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
        select(presentations, ANSWERED.label("answered"))
        .where(presentations.c.reader == reader_id)
        .order_by(presentations.c.position)
    ).all()
    sizes = Counter(row.phase for row in rows)
    before: Counter[str] = Counter()
    schedule = []
    for place, row in enumerate(rows):
        before[row.phase] += 1
        schedule.append(
            Presentation(
                token=row.token,
                position=row.position,
                total=len(rows),
                phase=row.phase,
                phase_position=before[row.phase],
                phase_total=sizes[row.phase],
                cases=tuple(row.cases),
                following=rows[place + 1].token if place + 1 < len(rows) else None,
                answered=bool(row.answered),
            )
        )
    return schedule


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
    about = _hold(connection, reader_id, token)
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
        due = (
            select(presentations.c.token)
            .where(presentations.c.reader == reader_id, ~ANSWERED)
            .order_by(presentations.c.position)
            .limit(1)
        )
        if connection.execute(due).scalar() != token:
            raise Forbidden("This case is not the one that is due; load the page again.")
    checked = check_answers(questions_of(about.design, about.cases), answers)
    read = validated(Behaviour, behaviour, "the record of the reading")
    revision = len(earlier)
    inserted = connection.execute(
        insert(submissions)
        .values(
            presentation=token,
            revision=revision,
            key=key,
            submitted_at=events.now(),
            behaviour=read.model_dump(exclude_none=True) | ({"imported": True} if imported else {}),
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


def _hold(connection: Connection, reader_id: int, token: str) -> Any:
    """Return a presentation of this reader with its study, which is held, or refuse.

    The state of the study is that after other writers are through; see `events.hold`.
    """
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
        .with_for_update(of=studies, key_share=True)
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
    of_case = {row.id: row.feedback for row in rows}
    sentences = [of_case[case] for case in about.cases if of_case.get(case)]
    if len(sentences) > 1:
        return f"Left: {sentences[0]} Right: {sentences[1]}"
    return sentences[0] if sentences else None
