"""The database of reader studies: what is promised here is on the disk when the call returns."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partialmethod
from typing import Any

from sqlalchemy import Connection, select, update

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.schedule import Slot
from evalsuite.study.storage import (
    access,
    answering,
    database,
    events,
    lifecycle,
    people,
    responses,
)
from evalsuite.study.storage.access import Session, SignInRefused
from evalsuite.study.storage.answering import Forbidden, Presentation, Receipt
from evalsuite.study.storage.lifecycle import About
from evalsuite.study.storage.tables import readers, sessions, studies

LOG = logging.getLogger(__name__)
SEEN_SECONDS = 60  # a session is prolonged no more often


class StudyDatabase:
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
            feedback: by training case, what a reader is told after an answer.
            schedules: by reader.

        Returns:
            The lead's secret, and by reader the token. Only their hashes are kept.

        Raises:
            EvalsuiteError: if there is a study of that name.
        """
        with database.writing(self.engine) as connection:
            secret = lifecycle.create(connection, name, design, design_hash, prepared, feedback)
            tokens = {
                reader: lifecycle.enrol(connection, name, reader, slots, later=False)
                for reader, slots in schedules.items()
            }
        return secret, tokens

    def enrol(
        self, study: str, reader: str, slots: Sequence[Slot], *, in_place_of: str | None = None
    ) -> str:
        """Add a reader who comes later, with a schedule, and return the token.

        Whose cases they read instead of their own is logged.

        Raises:
            EvalsuiteError: if the study is closed, or has a reader of that name.
        """
        with database.writing(self.engine) as connection:
            return lifecycle.enrol(
                connection, study, reader, slots, later=True, in_place_of=in_place_of
            )

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
            return lifecycle.about(connection, name)

    def _move(self, verb: str, study: str) -> None:
        with database.writing(self.engine) as connection:
            lifecycle.move(connection, study, verb)

    pause = partialmethod(_move, "pause")  # take no answers for now
    resume = partialmethod(_move, "resume")
    close = partialmethod(_move, "close")  # take no answers ever again

    def log(self, study: str, actor: str, action: str, detail: Mapping[str, Any]) -> None:
        """Add an entry to the audit log."""
        with database.writing(self.engine) as connection:
            events.append(connection, study, actor, action, detail)

    # Who may open what

    def invite(self, study: str, reader: str) -> str:
        """Return a new token for a reader; older ones and their sessions end."""
        with database.writing(self.engine) as connection:
            events.hold(connection, study)
            token = access.invite(connection, lifecycle.reader_id(connection, study, reader))
            events.append(connection, study, "lead", "invited", {"reader": reader})
        return token

    def revoke(self, study: str, reader: str) -> None:
        """Withdraw a reader's token and end their sessions."""
        with database.writing(self.engine) as connection:
            events.hold(connection, study)
            access.withdraw(connection, lifecycle.reader_id(connection, study, reader))
            events.append(connection, study, "lead", "revoked", {"reader": reader})

    def sign_in(self, token: str, address: str) -> str:
        """Return a cookie for the reader whom a token names.

        Raises:
            SignInRefused: if it names nobody.
        """
        refusal = access.Refusal(address, token, "sign-in")
        return self._sign_in(refusal, lambda c: access.invited(c, token))

    def sign_in_lead(self, study: str, secret: str, address: str) -> str:
        """Return a cookie for the lead of a study; raises as `sign_in` does."""
        refusal = access.Refusal(address, f"{study}\0{secret}", "lead's sign-in")
        return self._sign_in(refusal, lambda c: access.leading(c, study, secret))

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
        raise self._refused(
            access.Refusal(name, "", "login"),
            f"{name} is not a reader of one study here. Ask the lead to enrol you.",
        )

    def session(self, cookie: str) -> Session | None:
        """Return who a cookie stands for, and keep the session alive."""
        with database.reading(self.engine) as connection:
            open_session = access.find_session(connection, cookie)
        if open_session is None:
            return None
        session, expires = open_session
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
            mine = readers.c.id == reader_id
            study = connection.execute(select(readers.c.study).where(mine)).scalar_one()
            events.hold(connection, study)
            row = connection.execute(select(readers).where(mine)).one()
            if row.consented_at is None:
                connection.execute(update(readers).where(mine).values(consented_at=events.now()))
                events.append(connection, study, f"reader {row.name}", "consented")

    def profile(self, reader_id: int) -> dict[str, Any] | None:
        """Return what a reader told of themselves, None before they were asked."""
        with database.reading(self.engine) as connection:
            return people.profile(connection, reader_id)

    def tell_profile(self, reader_id: int, answers: Mapping[str, Any]) -> None:
        """Store what a reader tells of themselves, once; see `people.tell`."""
        with database.writing(self.engine) as connection:
            people.tell(connection, reader_id, answers)

    def readers(self, study: str) -> list[people.Reader]:
        """Return the readers of a study in the order in which they were enrolled."""
        with database.reading(self.engine) as connection:
            lifecycle.about(connection, study)
            return people.readers_of(connection, study)

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
            about = lifecycle.about(connection, row.study)
            plan = answering.plan(connection, reader_id)
        due = next((p for p in plan if not p.answered), None)
        open_now = {due.token, due.following} if due else set()
        for shown in plan:
            revisable = about.design.get("revisable") and shown.answered
            if shown.token == token and (token in open_now or revisable):
                return shown
        detail = {"presentation": token[:43]}
        self.log(row.study, f"reader {row.name}", "refused a case", detail)
        raise Forbidden("There is no such case in this reader's schedule now.")

    def answers(self, reader_id: int, token: str) -> dict[str, Any]:
        """Return the latest answers of a reader to a presentation, by question."""
        with database.reading(self.engine) as connection:
            return responses.latest(connection, reader_id, token)

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
                    reader_id = lifecycle.reader_id(connection, study, reader)
                    receipt = answering.submit(
                        connection, reader_id, token, f"import {origin}", answers, {}, imported=True
                    )
                except EvalsuiteError as error:
                    raise EvalsuiteError(f"{origin}, line {line}: {error}") from None
                stored += receipt.stored
        return stored

    # What came of it

    def progress(self, study: str) -> list[dict[str, Any]]:
        """Return one row per reader; see `responses.progress`."""
        with database.reading(self.engine) as connection:
            lifecycle.about(connection, study)
            return responses.progress(connection, study)

    def responses(self, study: str) -> list[dict[str, Any]]:
        """Return one row per answer, of all revisions."""
        with database.reading(self.engine) as connection:
            lifecycle.about(connection, study)
            return responses.table(connection, study)

    def events(self, study: str) -> list[events.Event]:
        """Return the audit log."""
        with database.reading(self.engine) as connection:
            return events.read(connection, study)

    def verify(self, study: str, entry: str | None = None) -> str | None:
        """Return where the audit log is broken or the answers are not those it tells of.

        None if all is whole. That the last entries were taken away together with their answers
        cannot be seen from what is left, only against a hash that was noted elsewhere.

        Args:
            study: its name.
            entry: hash of the last entry at an earlier time, which must still be there.
        """
        with database.reading(self.engine) as connection:
            entries = events.read(connection, study)
            broken = events.fault(study, entries)
            if not broken and entry and entry not in {one.hash for one in entries}:
                return f"the entry {entry} is missing; entries were taken away from its end."
            return broken or responses.contradiction(connection, study, entries)

    def _sign_in(
        self, refusal: access.Refusal, find: Callable[[Connection], Session | None]
    ) -> str:
        """Return a cookie for whom `find` finds, whatever was refused before."""
        with database.reading(self.engine) as connection:
            session = find(connection)
        if session is not None:
            with database.writing(self.engine) as connection:
                events.hold(connection, session.study)
                if session := find(connection):  # it may have been revoked meanwhile
                    who = "lead" if session.kind == "lead" else f"reader {session.name}"
                    events.append(connection, session.study, who, "signed in")
                    if session.reader_id is not None:
                        access.note_seen(connection, session.reader_id)
                    return access.open_session(connection, session)
        raise self._refused(
            refusal, "This link opens nothing. Ask the lead of the study for a new one."
        )

    def _refused(self, refusal: access.Refusal, sentence: str) -> SignInRefused:
        """Note a refusal, unless it adds nothing, so that many of them hold up no writer."""
        with database.reading(self.engine) as connection:
            before, new = access.refusals_before(connection, refusal)
        if new:
            with database.writing(self.engine) as connection:
                access.note_refusal(connection, refusal)
            before += 1
            LOG.warning(
                "A %s from %s was refused, number %d within a quarter of an hour.",
                refusal.reason, refusal.address, before,
            )  # fmt: skip
        return SignInRefused(sentence, before)


__all__ = [
    "About",
    "Forbidden",
    "Presentation",
    "Receipt",
    "Session",
    "SignInRefused",
    "StudyDatabase",
]
