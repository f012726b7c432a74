"""Counters that do not fall, whatever gc forgets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers, events, tallies
from quiltctl.db.connection import transaction
from quiltctl.db.tallies import Tallies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    Add = Callable[..., str]


def kill_for_memory(connection: sqlite3.Connection, container_id: str, kills: int) -> None:
    """Note that so many processes were killed for memory."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO events (at, kind, action, object_id, attributes)"
            " VALUES (?, 'container', 'oom', ?, json_object('kills', ?))",
            (time.time_ns(), container_id, kills),
        )


def forget_all(connection: sqlite3.Connection) -> None:
    """Forget every event there is."""
    with transaction(connection):
        events.delete_before(connection, time.time_ns() + 1)
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 0


def remove(connection: sqlite3.Connection, container_id: str) -> None:
    """Remove a container that has ended."""
    with transaction(connection):
        assert containers.delete(connection, container_id, 1)


def test_count_tells_ends_by_reason_and_kills_by_container(connection: sqlite3.Connection, add: Add) -> None:
    """Every way to end is in it; an event without a number of kills is one."""
    first, second = add(1, "exited"), add(2, "exited")
    add(3, "error")
    add(4, "running")
    kill_for_memory(connection, first, 2)
    kill_for_memory(connection, first, 1)
    with transaction(connection):
        connection.execute(
            "INSERT INTO events (at, kind, action, object_id) VALUES (1, 'container', 'oom', ?)", (second,)
        )

    assert tallies.count(connection) == Tallies({"exited": 2, "": 1}, {first: 3, second: 1})


def test_count_of_nothing_is_empty(connection: sqlite3.Connection) -> None:
    """A new database has seen nothing."""
    assert tallies.count(connection) == Tallies({}, {})


def test_forgotten_events_stay_counted(connection: sqlite3.Connection, add: Add) -> None:
    """Twice over, with new ones in between, and when a part of them is forgotten."""
    first = add(1, "exited")
    kill_for_memory(connection, first, 2)
    before = tallies.count(connection)

    forget_all(connection)
    after = tallies.count(connection)
    add(2, "exited")
    kill_for_memory(connection, first, 5)
    forget_all(connection)
    forget_all(connection)

    assert after == before
    assert tallies.count(connection) == Tallies({"exited": 2}, {first: 7})


def test_events_that_stay_are_counted_once(connection: sqlite3.Connection, add: Add) -> None:
    """What is not old enough to be forgotten is not remembered beside."""
    add(1, "exited")

    with transaction(connection):
        events.delete_before(connection, 1)

    assert tallies.count(connection) == Tallies({"exited": 1}, {})


def test_kills_of_removed_containers_become_one_row(connection: sqlite3.Connection, add: Add) -> None:
    """The sum stays, the rows of each do not: there would be ever more of them."""
    for number in (1, 2, 3):
        container_id = add(number, "exited")
        kill_for_memory(connection, container_id, number)
        forget_all(connection)
        remove(connection, container_id)
    kept = add(4, "exited")
    kill_for_memory(connection, kept, 10)

    forget_all(connection)

    assert tallies.count(connection).oom_kills == {"": 6, kept: 10}
    keys = [row[0] for row in connection.execute("SELECT key FROM meta WHERE key LIKE 'tally:oom:%' ORDER BY key")]
    assert keys == ["tally:oom:", f"tally:oom:{kept}"]


def test_forgetting_that_fails_keeps_both(connection: sqlite3.Connection, add: Add) -> None:
    """Counts and events change in one transaction."""
    add(1, "exited")
    before = tallies.count(connection)

    def interrupted() -> None:
        with transaction(connection):
            events.delete_before(connection, time.time_ns() + 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert tallies.count(connection) == before
