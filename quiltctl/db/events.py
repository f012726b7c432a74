"""Rows of ``events``: what happened, in the order it happened. They are written by the transitions themselves."""

from __future__ import annotations

from quiltctl.db import tallies
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any


_AT_ONCE = 1000


class Event(Value):
    """One transition of a container, an image, a network or a volume."""

    seq: int
    """Counts up, never reused."""
    at: int
    """Nanoseconds since 1970."""
    kind: str
    action: str
    object_id: str
    name: str
    attributes: dict[str, Any]


def after(connection: sqlite3.Connection, last: int) -> list[Event]:
    """Return the events after a number, the oldest first, at most so many that a slow reader holds no transaction."""
    from quiltctl.db.document import decode

    rows = connection.execute(
        "SELECT seq, at, kind, action, object_id, name, attributes FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
        (last, _AT_ONCE),
    ).fetchall()
    return [
        Event(seq, at, kind, action, object_id, name, decode(connection, attributes))
        for seq, at, kind, action, object_id, name, attributes in rows
    ]


def seq_before(connection: sqlite3.Connection, at: int) -> int:
    """Return the number after which the events from a moment on stand; older ones may be among them.

    Times are not quite in the order of the numbers: there are many writers, and clocks are set.
    """
    first = connection.execute("SELECT min(seq) FROM events WHERE at >= ?", (at,)).fetchone()[0]
    return last_seq(connection) if first is None else int(first) - 1


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the number of the last event, 0 when there is none."""
    seq: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return seq


def count_before(connection: sqlite3.Connection, before: int) -> int:
    """Return how many events happened before this moment, in nanoseconds since 1970."""
    count: int = connection.execute("SELECT count(*) FROM events WHERE at < ?", (before,)).fetchone()[0]
    return count


def delete_before(connection: sqlite3.Connection, before: int) -> None:
    """Forget the events from before this moment, but for how many there were of what is counted."""
    tallies.keep(connection, before)
    connection.execute("DELETE FROM events WHERE at < ?", (before,))
