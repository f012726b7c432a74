"""The log of what happened, read in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl.db import events
from quiltctl.db.connection import transaction
from quiltctl.db.events import Event

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def note(connection: sqlite3.Connection, *times: int) -> None:
    """Write events of a system that happened at these times, in this order."""
    with transaction(connection):
        connection.executemany(
            "INSERT INTO events (at, kind, action, object_id) VALUES (?, 'system', 'refresh', '')",
            [(at,) for at in times],
        )


def test_after_tells_a_whole_life(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Each transition of a container is one event with what it made known."""
    container_id = add(1, "exited")

    told = [
        (event.kind, event.action, event.object_id, event.name, event.attributes)
        for event in events.after(connection, 0)
    ]

    image = {"image": "busybox"}
    died = {**image, "generation": 1, "exitCode": 7, "reason": "exited", "oomKilled": False}
    assert told == [
        ("container", action, container_id, "c1", attributes)
        for action, attributes in (
            ("create", image),
            ("init", {**image, "generation": 1}),
            ("start", {**image, "generation": 1}),
            ("died", died),
        )
    ]


def test_after_gives_only_what_is_newer(connection: sqlite3.Connection) -> None:
    """From the number of the last event that was read, only newer ones come."""
    note(connection, 10, 20, 30)

    assert events.after(connection, 2) == [Event(3, 30, "system", "refresh", "", "", {})]


def test_after_stops_for_breath(connection: sqlite3.Connection) -> None:
    """Of very many events a thousand come at once, and the next call goes on."""
    note(connection, *range(1500))

    first = events.after(connection, 0)
    second = events.after(connection, first[-1].seq)

    assert [event.at for event in [*first, *second]] == list(range(1500))
    assert len(first) == 1000


def test_seq_before_is_where_a_time_begins(connection: sqlite3.Connection) -> None:
    """The first event of the time is the next after the number, also where the clock was set back before."""
    note(connection, 10, 30, 20, 40)

    assert [events.seq_before(connection, at) for at in (0, 10, 11, 25, 35, 41)] == [0, 0, 1, 1, 3, 4]


def test_last_seq_counts_from_nothing(connection: sqlite3.Connection) -> None:
    """An empty log ends at 0."""
    empty = events.last_seq(connection)
    note(connection, 1, 1)

    assert (empty, events.last_seq(connection)) == (0, 2)
