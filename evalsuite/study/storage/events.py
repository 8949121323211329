"""Who did what when: entries chained by hash, so that none can be changed or left out unseen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, desc, insert, select

from evalsuite.study.storage.tables import events, studies

FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the audit log.

    Args:
        seq: 1, 2, 3 ... within the study.
        at: UTC, ISO 8601.
        actor: `lead`, `reader NAME` or `app`.
        action: what was done.
        detail: with what.
        previous: hash of the entry before, zeros for the first.
        hash: SHA-256 over all of the above and the study.
    """

    seq: int
    at: str
    actor: str
    action: str
    detail: dict[str, Any]
    previous: str
    hash: str


def now() -> str:
    """Return the time, UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def hold(connection: Connection, study: str) -> None:
    """Make other writers of this study wait until the transaction ends.

    Comes before anything that the transaction reads to decide by, and before any other row that
    it locks: what was read before the wait may have changed, and two transactions that lock in
    different order wait for one another. SQLite has one writer at a time in any case.
    """
    row = select(studies.c.name).where(studies.c.name == study)
    connection.execute(row.with_for_update(key_share=True))


def append(
    connection: Connection,
    study: str,
    actor: str,
    action: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, as part of the transaction that does what it tells of."""
    hold(connection, study)
    last = connection.execute(
        select(events.c.seq, events.c.hash)
        .where(events.c.study == study)
        .order_by(desc(events.c.seq))
        .limit(1)
    ).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, FIRST)
    entry = {
        "study": study,
        "seq": seq,
        "at": now(),
        "actor": actor,
        "action": action,
        "detail": dict(detail or {}),
        "previous": previous,
    }
    connection.execute(insert(events).values(**entry, hash=digest(entry)))


def digest(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an entry without its own hash, as canonical JSON."""
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def read(connection: Connection, study: str) -> list[Event]:
    """Return all entries in order."""
    rows = connection.execute(
        select(events).where(events.c.study == study).order_by(events.c.seq)
    ).mappings()
    return [Event(**{k: v for k, v in row.items() if k != "study"}) for row in rows]


def fault(study: str, entries: list[Event]) -> str | None:
    """Return a sentence on the first entry that does not fit the chain, None if all do."""
    if not entries:
        return "it is empty."
    previous = FIRST
    for place, entry in enumerate(entries, 1):
        if entry.seq != place:
            return f"entry {place} is missing."
        if entry.previous != previous:
            return f"entry {place} does not follow on the one before."
        content = {
            "study": study,
            "seq": entry.seq,
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "detail": entry.detail,
            "previous": entry.previous,
        }
        if entry.hash != digest(content):
            return f"entry {place} ({entry.action}) was changed."
        previous = entry.hash
    return None
