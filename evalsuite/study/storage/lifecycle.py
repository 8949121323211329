"""The life of a study inside a transaction: it is made, readers join, it pauses, goes on, closes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.study.protocol.schedule import Slot
from evalsuite.study.storage import access, events
from evalsuite.study.storage.tables import cases, presentations, readers, studies

STATES = {"pause": "paused", "resume": "open", "close": "closed"}


@dataclass(frozen=True, slots=True)
class About:
    """What the app knows of a study.

    Args:
        name: of the study.
        state: `open`, `paused` or `closed`.
        design: the part of it that the app may know.
        design_hash: of the whole design.
        locked: whether there are answers.
    """

    name: str
    state: str
    design: dict[str, Any]
    design_hash: str
    locked: bool


def create(
    connection: Connection,
    name: str,
    design: Mapping[str, Any],
    design_hash: str,
    prepared: Mapping[str, str],
    feedback: Mapping[str, str],
) -> str:
    """Store a study without readers and return the lead's secret; see `StudyDatabase.create_study`."""
    secret = access.fresh_token()
    try:
        connection.execute(
            insert(studies).values(
                name=name,
                design=dict(design),
                design_hash=design_hash,
                state="open",
                lead_hash=access.hashed(secret),
                created_at=events.now(),
            )
        )
    except IntegrityError:
        raise EvalsuiteError(
            f"There is a study {name} in the database already. Name the new one otherwise."
        ) from None
    rows = [
        {"id": case, "study": name, "sha256": digest, "feedback": feedback.get(case)}
        for case, digest in prepared.items()
    ]
    connection.execute(insert(cases), rows)
    detail = {"design_hash": design_hash, "cases": len(prepared)}
    events.append(connection, name, "lead", "study created", detail)
    return secret


def enrol(
    connection: Connection,
    study: str,
    reader: str,
    slots: Sequence[Slot],
    *,
    later: bool,
    in_place_of: str | None = None,
) -> str:
    """Add a reader with a schedule and return the token.

    Args:
        later: whether others were enrolled when the study was made, and this one was not.
        in_place_of: whose cases they read, for the log.

    Raises:
        EvalsuiteError: if the study is closed, or has a reader of that name.
    """
    events.hold(connection, study)
    if about(connection, study).state == "closed":
        raise EvalsuiteError(f"{study} is closed for good; nobody can be enrolled.")
    try:
        reader_id = connection.execute(
            insert(readers)
            .values(study=study, name=reader, enrolled_at=events.now())
            .returning(readers.c.id)
        ).scalar_one()
    except IntegrityError:
        raise EvalsuiteError(f"{study} has a reader called {reader} already.") from None
    rows = [
        {
            "token": access.fresh_token(),
            "reader": reader_id,
            "position": slot.position,
            "phase": slot.phase,
            "cases": list(slot.cases),
            "repeat_of": slot.repeat_of,
        }
        for slot in slots
    ]
    connection.execute(insert(presentations), rows)
    detail: dict[str, Any] = {"reader": reader, **({"later": True} if later else {})}
    detail |= {"in_place_of": in_place_of} if in_place_of else {}
    events.append(connection, study, "lead", "enrolled", detail)
    return access.invite(connection, reader_id)


def move(connection: Connection, study: str, verb: str) -> None:
    """Pause, resume or close a study.

    Raises:
        EvalsuiteError: if it is closed, or there is none of that name.
    """
    events.hold(connection, study)
    state = about(connection, study).state
    if state == STATES[verb]:
        return
    if state == "closed":
        raise EvalsuiteError(f"{study} is closed for good; it cannot be {verb}d.")
    connection.execute(update(studies).where(studies.c.name == study).values(state=STATES[verb]))
    events.append(connection, study, "lead", STATES[verb])


def about(connection: Connection, name: str) -> About:
    """Return what the app knows of a study.

    Raises:
        EvalsuiteError: if there is none of that name.
    """
    row = connection.execute(select(studies).where(studies.c.name == name)).first()
    if row is None:
        known = list(connection.execute(select(studies.c.name)).scalars())
        raise EvalsuiteError(unknown("studie", name, known).replace("studie ", "study "))
    return About(row.name, row.state, row.design, row.design_hash, row.locked_at is not None)


def reader_id(connection: Connection, study: str, name: str) -> int:
    """Return the row of a reader.

    Raises:
        EvalsuiteError: if there is no such study, or no such reader in it.
    """
    about(connection, study)
    rows = connection.execute(
        select(readers.c.name, readers.c.id).where(readers.c.study == study)
    ).all()
    known = {row.name: int(row.id) for row in rows}
    if name not in known:
        raise EvalsuiteError(unknown("reader", name, known))
    return known[name]
