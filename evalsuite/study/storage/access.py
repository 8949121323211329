"""Who may open what: invitations, the lead's secret, sessions, and what was refused."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage import events
from evalsuite.study.storage.tables import invitations, readers, refusals, sessions, studies

IDLE_SECONDS = 12 * 3600
# Of refusals. No secret of 256 bits is guessed, so all this only spares the server and the log.
WINDOW_SECONDS = 15 * 60
AT_ONCE_PER_ADDRESS = 5  # within the window, and answered without delay
MOST_PER_ADDRESS = 15  # noted within the window
MOST_IN_ALL = 1000
SLOWER_SECONDS = 0.5  # by each refusal beyond those that are answered at once
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class SignInRefused(EvalsuiteError):  # noqa: N818
    """The token or secret opens nothing.

    Args:
        sentence: for who tried it.
        refusals: noted from the address of late, with this one.
    """

    def __init__(self, sentence: str, refusals: int = 0) -> None:
        super().__init__(sentence)
        self.refusals = refusals

    @property
    def delay(self) -> float:
        """Return the seconds for which the refusal is to be held back."""
        return SLOWER_SECONDS * max(0, self.refusals - AT_ONCE_PER_ADDRESS)


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.

    Args:
        kind: reader or lead.
        study: the only one the session may see.
        reader_id: of a reader, None for the lead.
        name: of the reader, or `lead`.
    """

    kind: Literal["reader", "lead"]
    study: str
    reader_id: int | None
    name: str


def fresh_token() -> str:
    """Return 256 random bits as text for an address, which no spreadsheet takes for a formula."""
    while (token := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return token


def hashed(token: str) -> str:
    """Return what is kept of a token.

    Its 256 random bits cannot be guessed from a plain SHA-256; a slow hash is for passwords.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def invite(connection: Connection, reader_id: int) -> str:
    """Return a new token for a reader, whose older ones and sessions end."""
    withdraw(connection, reader_id)
    token = fresh_token()
    connection.execute(
        insert(invitations).values(
            token_hash=hashed(token), reader=reader_id, created_at=events.now()
        )
    )
    return token


def withdraw(connection: Connection, reader_id: int) -> None:
    """End a reader's invitations and sessions."""
    connection.execute(
        update(invitations)
        .where(invitations.c.reader == reader_id, invitations.c.revoked_at.is_(None))
        .values(revoked_at=events.now())
    )
    connection.execute(delete(sessions).where(sessions.c.reader == reader_id))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that opened nothing.

    Args:
        address: where it came from.
        attempt: what was tried.
        reason: what it was tried at.
    """

    address: str
    attempt: str
    reason: str

    @property
    def key(self) -> int:
        """Return the key of its row: one attempt again from one address is the same row.

        32 bits tell two attempts apart, and little of what was tried.
        """
        digest = hashlib.sha256(f"{self.address}\0{self.attempt}".encode()).digest()
        return int.from_bytes(digest[:4])


def refusals_before(connection: Connection, refusal: Refusal) -> tuple[int, bool]:
    """Return how many an address had of late, and whether this one is to be noted."""
    from_here = refusals.c.address == hashed(refusal.address)
    row = connection.execute(
        select(
            func.count().label("in_all"),
            func.count().filter(from_here).label("from_here"),
            func.count().filter(refusals.c.id == refusal.key).label("the_same"),
        ).where(refusals.c.at > time.time() - WINDOW_SECONDS)
    ).one()
    room = row.from_here < MOST_PER_ADDRESS and row.in_all < MOST_IN_ALL
    return row.from_here, room and not row.the_same


def note_refusal(connection: Connection, refusal: Refusal) -> None:
    """Keep that something was refused, and forget what was long ago.

    The address is hashed so that it does not meet the eye; who tries all addresses finds it.
    """
    now = time.time()
    connection.execute(delete(refusals).where(refusals.c.at <= now - WINDOW_SECONDS))
    row = {"id": refusal.key, "at": now, "address": hashed(refusal.address)}
    note = INSERT[connection.dialect.name](refusals).values(**row, reason=refusal.reason)
    connection.execute(note.on_conflict_do_nothing())


def invited(connection: Connection, token: str) -> Session | None:
    """Return whom a valid invitation names."""
    row = connection.execute(
        select(readers.c.id, readers.c.study, readers.c.name)
        .join(invitations, invitations.c.reader == readers.c.id)
        .where(invitations.c.token_hash == hashed(token), invitations.c.revoked_at.is_(None))
    ).first()
    return Session("reader", row.study, row.id, row.name) if row else None


def leading(connection: Connection, study: str, secret: str) -> Session | None:
    """Return the lead's session if the secret is that of the study."""
    row = connection.execute(
        select(studies.c.name).where(studies.c.name == study, studies.c.lead_hash == hashed(secret))
    ).first()
    return Session("lead", row.name, None, "lead") if row else None


def note_seen(connection: Connection, reader_id: int) -> None:
    """Keep when a reader was last here."""
    mine = readers.c.id == reader_id
    connection.execute(update(readers).where(mine).values(seen_at=events.now()))


def open_session(connection: Connection, session: Session) -> str:
    """Return the value of a cookie that stands for the session; only its hash is kept."""
    cookie = fresh_token()
    connection.execute(delete(sessions).where(sessions.c.expires < time.time()))
    connection.execute(
        insert(sessions).values(
            cookie_hash=hashed(cookie),
            study=session.study,
            reader=session.reader_id,
            expires=time.time() + IDLE_SECONDS,
        )
    )
    return cookie


def find_session(connection: Connection, cookie: str) -> tuple[Session, float] | None:
    """Return the session of a cookie with the time at which it ends."""
    row = connection.execute(
        select(sessions, readers.c.name)
        .join(readers, readers.c.id == sessions.c.reader, isouter=True)
        .where(sessions.c.cookie_hash == hashed(cookie), sessions.c.expires > time.time())
    ).first()
    if row is None:
        return None
    if row.reader is None:
        return Session("lead", row.study, None, "lead"), row.expires
    return Session("reader", row.study, row.reader, row.name), row.expires
