"""Who may open what: invitations, the lead's secret, sessions, and a limit on guessing."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage import events
from evalsuite.study.storage.tables import invitations, readers, refusals, sessions, studies

IDLE_SECONDS = 12 * 3600
WINDOW_SECONDS = 15 * 60
MOST_PER_ADDRESS = 10  # refused within the window
MOST_IN_ALL = 1000


class SignInRefused(EvalsuiteError):  # noqa: N818
    """The token or secret opens nothing, or too many were tried."""


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
    """Return 256 random bits as text for an address."""
    return secrets.token_urlsafe(32)


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


def refused_too_often(connection: Connection, address: str) -> bool:
    """Tell whether an address, or all together, were refused too often of late."""
    recent = refusals.c.at > time.time() - WINDOW_SECONDS
    count = select(func.count()).select_from(refusals).where(recent)
    from_here = connection.execute(count.where(refusals.c.address == hashed(address))).scalar_one()
    in_all = connection.execute(count).scalar_one()
    return bool(from_here >= MOST_PER_ADDRESS or in_all >= MOST_IN_ALL)


def note_refusal(connection: Connection, address: str, reason: str) -> None:
    """Keep that something was refused.

    The address is hashed so that it does not meet the eye; who tries all addresses finds it.
    """
    connection.execute(
        insert(refusals).values(at=time.time(), address=hashed(address), reason=reason)
    )


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
