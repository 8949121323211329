"""The store of reader studies: what is promised here is on the disk when the call returns."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.study import access, answering, database, events
from evalsuite.study.access import Session, SignInRefused
from evalsuite.study.answering import Forbidden, Presentation, Receipt
from evalsuite.study.schedule import Slot
from evalsuite.study.tables import cases, presentations, readers, sessions, studies

SEEN_SECONDS = 60  # a session is prolonged no more often
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


class Store:
    """Studies, readers, answers and the audit log in one database.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`.
        upgrade: make the tables, or bring them up to date; otherwise a wrong schema is an error.
    """

    def __init__(self, url: str, *, upgrade: bool = False) -> None:
        self.engine = database.connect(url)
        if upgrade:
            database.migrate(self.engine)
        else:
            database.check_schema(self.engine)

    # The life of a study

    def create_study(
        self,
        name: str,
        design: Mapping[str, Any],
        design_hash: str,
        prepared: Mapping[str, str],
        feedback: Mapping[str, str],
        schedules: Mapping[str, Sequence[Slot]],
    ) -> tuple[str, dict[str, str]]:
        """Store a study with its readers, all or nothing.

        Args:
            name: of the study.
            design: what the app may know of it.
            design_hash: of the whole design.
            prepared: SHA-256 of the prepared file, by case.
            feedback: by training case, what a reader is told after his answer.
            schedules: by reader.

        Returns:
            The lead's secret, and by reader his token. Only their hashes are kept.

        Raises:
            EvalsuiteError: if there is a study of that name.
        """
        secret = access.fresh_token()
        with database.writing(self.engine) as connection:
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
            tokens = {
                reader: _enrol(connection, name, reader, slots)
                for reader, slots in schedules.items()
            }
        return secret, tokens

    def enrol(self, study: str, reader: str, slots: Sequence[Slot]) -> str:
        """Add a reader with his schedule and return his token."""
        with database.writing(self.engine) as connection:
            _about(connection, study)
            return _enrol(connection, study, reader, slots)

    def exists(self, study: str) -> bool:
        """Tell whether there is a study of that name."""
        return study in self.studies()

    def studies(self) -> list[str]:
        """Return the names of all studies."""
        with database.reading(self.engine) as connection:
            names = select(studies.c.name).order_by(studies.c.created_at)
            return list(connection.execute(names).scalars())

    def study(self, name: str) -> About:
        """Return what the app knows of a study.

        Raises:
            EvalsuiteError: if there is none of that name.
        """
        with database.reading(self.engine) as connection:
            return _about(connection, name)

    def pause(self, study: str) -> None:
        """Take no answers for now."""
        self._move(study, "pause")

    def resume(self, study: str) -> None:
        """Take answers again."""
        self._move(study, "resume")

    def close(self, study: str) -> None:
        """Take no answers ever again."""
        self._move(study, "close")

    def log(self, study: str, actor: str, action: str, detail: Mapping[str, Any]) -> None:
        """Add an entry to the audit log."""
        with database.writing(self.engine) as connection:
            events.append(connection, study, actor, action, detail)

    # Who may open what

    def invite(self, study: str, reader: str) -> str:
        """Return a new token for a reader; older ones and his sessions end."""
        with database.writing(self.engine) as connection:
            token = access.invite(connection, _reader_id(connection, study, reader))
            events.append(connection, study, "lead", "invited", {"reader": reader})
        return token

    def revoke(self, study: str, reader: str) -> None:
        """Withdraw a reader's token and end his sessions."""
        with database.writing(self.engine) as connection:
            access.withdraw(connection, _reader_id(connection, study, reader))
            events.append(connection, study, "lead", "revoked", {"reader": reader})

    def sign_in(self, token: str, address: str) -> str:
        """Return a cookie for the reader whom a token names.

        Raises:
            SignInRefused: if it names nobody, or too many were tried from the address.
        """
        return self._sign_in(address, lambda c: access.invited(c, token))

    def sign_in_lead(self, study: str, secret: str, address: str) -> str:
        """Return a cookie for the lead of a study; raises as `sign_in` does."""
        return self._sign_in(address, lambda c: access.leading(c, study, secret))

    def invitation_of(self, name: str) -> str:
        """Return a fresh token for a reader whom somebody else has identified, such as by OIDC.

        Raises:
            SignInRefused: if no reader of an open study, or more than one, is called that.
        """
        with database.writing(self.engine) as connection:
            rows = connection.execute(
                select(readers.c.id, readers.c.study)
                .join(studies, studies.c.name == readers.c.study)
                .where(readers.c.name == name, studies.c.state != "closed")
            ).all()
            if len(rows) == 1:
                detail = {"reader": name, "by": "login"}
                events.append(connection, rows[0].study, "app", "invited", detail)
                return access.invite(connection, rows[0].id)
            access.note_refusal(connection, f"login {name}", "login")
        raise SignInRefused(f"{name} is not a reader of one study here. Ask the lead to enrol you.")

    def session(self, cookie: str) -> Session | None:
        """Return who a cookie stands for, and keep the session alive."""
        with database.reading(self.engine) as connection:
            found = access.find_session(connection, cookie)
        if found is None:
            return None
        session, expires = found
        if expires - access.IDLE_SECONDS < time.time() - SEEN_SECONDS:
            with database.writing(self.engine) as connection:
                ends = time.time() + access.IDLE_SECONDS
                mine = sessions.c.cookie_hash == access.hashed(cookie)
                connection.execute(update(sessions).where(mine).values(expires=ends))
                if session.reader_id is not None:
                    access.note_seen(connection, session.reader_id)
        return session

    def sign_out(self, cookie: str) -> None:
        """End a session."""
        with database.writing(self.engine) as connection:
            mine = sessions.c.cookie_hash == access.hashed(cookie)
            connection.execute(sessions.delete().where(mine))

    # Reading

    def consented(self, reader_id: int) -> bool:
        """Tell whether a reader has agreed."""
        with database.reading(self.engine) as connection:
            at = select(readers.c.consented_at).where(readers.c.id == reader_id)
            return connection.execute(at).scalar_one() is not None

    def consent(self, reader_id: int) -> None:
        """Store that a reader has agreed."""
        with database.writing(self.engine) as connection:
            row = connection.execute(select(readers).where(readers.c.id == reader_id)).one()
            if row.consented_at is None:
                connection.execute(
                    update(readers)
                    .where(readers.c.id == reader_id)
                    .values(consented_at=events.now())
                )
                events.append(connection, row.study, f"reader {row.name}", "consented")

    def current(self, reader_id: int) -> Presentation | None:
        """Return the presentation that is due, None when all are answered."""
        return next((p for p in self.plan(reader_id) if not p.answered), None)

    def plan(self, reader_id: int) -> list[Presentation]:
        """Return a reader's whole schedule."""
        with database.reading(self.engine) as connection:
            return answering.plan(connection, reader_id)

    def presentation(self, reader_id: int, token: str) -> Presentation:
        """Return a presentation that this reader may see now: due, next, or up for correction.

        Raises:
            Forbidden: for any other; what was asked for is logged.
        """
        with database.reading(self.engine) as connection:
            row = connection.execute(select(readers).where(readers.c.id == reader_id)).one()
            about = _about(connection, row.study)
            plan = answering.plan(connection, reader_id)
        due = next((p for p in plan if not p.answered), None)
        open_now = {due.token, due.following} if due else set()
        for found in plan:
            revisable = about.design.get("revisable") and found.answered
            if found.token == token and (token in open_now or revisable):
                return found
        detail = {"presentation": token[:43]}
        self.log(row.study, f"reader {row.name}", "refused a case", detail)
        raise Forbidden("There is no such case in this reader's schedule now.")

    def answers(self, reader_id: int, token: str) -> dict[str, Any]:
        """Return the latest answers of a reader to a presentation, by question."""
        with database.reading(self.engine) as connection:
            return answering.latest(connection, reader_id, token)

    def submit(
        self,
        reader_id: int,
        token: str,
        key: str,
        answers: Mapping[str, Any],
        behaviour: Mapping[str, Any],
    ) -> Receipt:
        """Store the answers to one presentation exactly once; see `answering.submit`."""
        with database.writing(self.engine) as connection:
            return answering.submit(connection, reader_id, token, key, answers, behaviour)

    def import_answers(
        self,
        study: str,
        batches: Sequence[tuple[int, str, str, Mapping[str, Any]]],
        origin: str,
    ) -> int:
        """Store answers gathered elsewhere, all or none, and return how many were new.

        Args:
            batches: line of the origin, reader, presentation and answers.
            origin: name of the file, for messages and as a key.
        """
        stored = 0
        with database.writing(self.engine) as connection:
            for line, reader, token, answers in batches:
                try:
                    reader_id = _reader_id(connection, study, reader)
                    receipt = answering.submit(
                        connection, reader_id, token, f"import {origin}", answers, {}, imported=True
                    )
                except EvalsuiteError as error:
                    raise EvalsuiteError(f"{origin}, line {line}: {error}") from None
                stored += receipt.stored
        return stored

    # What came of it

    def progress(self, study: str) -> list[dict[str, Any]]:
        """Return one row per reader; see `answering.progress`."""
        with database.reading(self.engine) as connection:
            _about(connection, study)
            return answering.progress(connection, study)

    def responses(self, study: str) -> list[dict[str, Any]]:
        """Return one row per answer, of all revisions."""
        with database.reading(self.engine) as connection:
            _about(connection, study)
            return answering.table(connection, study)

    def events(self, study: str) -> list[events.Event]:
        """Return the audit log."""
        with database.reading(self.engine) as connection:
            return events.read(connection, study)

    def verify(self, study: str) -> str | None:
        """Return where the audit log is broken, None if it is whole."""
        return events.fault(study, self.events(study))

    def _move(self, study: str, verb: str) -> None:
        with database.writing(self.engine) as connection:
            about = _about(connection, study)
            if about.state == STATES[verb]:
                return
            if about.state == "closed":
                raise EvalsuiteError(f"{study} is closed for good; it cannot be {verb}d.")
            connection.execute(
                update(studies).where(studies.c.name == study).values(state=STATES[verb])
            )
            events.append(connection, study, "lead", f"{STATES[verb]}")

    def _sign_in(self, address: str, find: Any) -> str:
        with database.writing(self.engine) as connection:
            if access.refused_too_often(connection, address):
                reason = "Too many attempts. Wait a quarter of an hour, then try again."
            else:
                session: Session | None = find(connection)
                if session is not None:
                    who = "lead" if session.kind == "lead" else f"reader {session.name}"
                    events.append(connection, session.study, who, "signed in")
                    if session.reader_id is not None:
                        access.note_seen(connection, session.reader_id)
                    return access.open_session(connection, session)
                reason = "This link opens nothing. Ask the lead of the study for a new one."
            access.note_refusal(connection, address, "sign-in")
        raise SignInRefused(reason)


def _about(connection: Connection, name: str) -> About:
    row = connection.execute(select(studies).where(studies.c.name == name)).first()
    if row is None:
        known = list(connection.execute(select(studies.c.name)).scalars())
        raise EvalsuiteError(unknown("studie", name, known).replace("studie ", "study "))
    return About(row.name, row.state, row.design, row.design_hash, row.locked_at is not None)


def _reader_id(connection: Connection, study: str, name: str) -> int:
    _about(connection, study)
    found = connection.execute(
        select(readers.c.name, readers.c.id).where(readers.c.study == study)
    ).all()
    known = {row.name: int(row.id) for row in found}
    if name not in known:
        raise EvalsuiteError(unknown("reader", name, known))
    return known[name]


def _enrol(connection: Connection, study: str, reader: str, slots: Sequence[Slot]) -> str:
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
    events.append(connection, study, "lead", "enrolled", {"reader": reader})
    return access.invite(connection, reader_id)


__all__ = ["About", "Forbidden", "Presentation", "Receipt", "Session", "SignInRefused", "Store"]
