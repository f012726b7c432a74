"""The tables of moves: the database itself refuses whatever is not in them, whoever writes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = ("created", "starting", "running", "paused", "exited", "error")
MOVES = {
    ("created", "starting"): "init",
    ("exited", "starting"): "init",
    ("error", "starting"): "init",
    ("starting", "running"): "start",
    ("starting", "error"): "failed",
    ("starting", "exited"): "died",
    ("running", "paused"): "pause",
    ("paused", "running"): "unpause",
    ("running", "exited"): "died",
    ("paused", "exited"): "died",
}
ALL_FACTS = (
    "shim_pid = 1, shim_started = 1, boot_id = 'b', pid = 1, pid_started = 1, started_at = 1,"
    " exit_reason = 'r', finished_at = 1"
)
"""Whatever a state demands, so that only the table of moves can object."""


def pairs(*states: str) -> list[tuple[str, str]]:
    """Return every pair of states, each with itself too."""
    return [(old, new) for old in states for new in states]


@pytest.mark.parametrize(("old", "new"), pairs(*STATES))
def test_container_moves_as_the_table_says_and_in_no_other_way(
    connection: sqlite3.Connection, add: Callable[..., str], old: str, new: str
) -> None:
    """A move that stands in the table writes its event; any other is refused and changes nothing."""
    container_id = add(1, old)
    before = connection.execute("SELECT * FROM events").fetchall()
    try:
        connection.execute(f"UPDATE containers SET state = ?, {ALL_FACTS} WHERE id = ?", (new, container_id))
        outcome = "moved"
    except sqlite3.IntegrityError as error:
        outcome = str(error)
    state = connection.execute("SELECT state FROM containers").fetchone()[0]
    events = [row["action"] for row in connection.execute("SELECT * FROM events").fetchall()[len(before) :]]
    if (old, new) in MOVES:
        assert (outcome, state, events) == ("moved", new, [MOVES[old, new]])
    else:
        assert (outcome, state, events) == ("illegal move of a container", old, [])


def test_container_cannot_have_a_state_that_is_none(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A state outside the list is refused, also when a row begins with it."""
    add(1)
    for statement in ("UPDATE containers SET state = 'dead'", "UPDATE containers SET state = NULL"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    assert connection.execute("SELECT state FROM containers").fetchone()[0] == "created"


@pytest.mark.parametrize("state", STATES[1:])
def test_container_begins_as_created(connection: sqlite3.Connection, state: str) -> None:
    """No row begins in a later state."""
    with pytest.raises(sqlite3.IntegrityError, match="illegal move: a container begins as created"):
        connection.execute(
            "INSERT INTO containers (id, name, state, image_name, command, config, created_at, changed_at)"
            " VALUES (?, 'c', ?, 'i', '[]', '{}', 1, 1)",
            ("a" * 64, state),
        )


@pytest.mark.parametrize("state", STATES)
def test_container_leaves_only_when_it_does_not_live(
    connection: sqlite3.Connection, add: Callable[..., str], state: str
) -> None:
    """A row in a state of the living cannot be deleted; another can, and its event is written."""
    add(1, state)
    try:
        connection.execute("DELETE FROM containers")
        outcome = "deleted"
    except sqlite3.IntegrityError as error:
        outcome = str(error)
    last = connection.execute("SELECT action FROM events ORDER BY seq DESC").fetchone()[0]
    if state in {"created", "exited", "error"}:
        assert (outcome, last) == ("deleted", "remove")
    else:
        assert outcome == "illegal move: a live container cannot be removed"
        assert last != "remove"


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ("starting", "shim_pid = NULL"),
        ("starting", "shim_started = NULL"),
        ("starting", "boot_id = NULL"),
        ("running", "pid = NULL"),
        ("running", "pid_started = NULL"),
        ("running", "started_at = NULL"),
        ("paused", "pid = NULL"),
        ("exited", "finished_at = NULL"),
        ("exited", "exit_reason = NULL"),
        ("exited", "exit_code = 256"),
        ("exited", "exit_code = -1"),
    ],
)
def test_container_has_the_facts_that_its_state_demands(
    connection: sqlite3.Connection, add: Callable[..., str], state: str, facts: str
) -> None:
    """A row that lives without a process, or ended without a time and a reason, cannot be written."""
    add(1, state)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        connection.execute(f"UPDATE containers SET {facts}")


def test_event_goes_with_the_transaction_that_made_it(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """When the transaction of a move is undone, so is its event."""
    add(1, "running")
    died = "SELECT count(*) FROM events WHERE action = 'died'"
    connection.execute("BEGIN")
    connection.execute(f"UPDATE containers SET state = 'exited', {ALL_FACTS}")
    during = connection.execute(died).fetchone()[0]
    connection.execute("ROLLBACK")
    assert (during, connection.execute(died).fetchone()[0]) == (1, 0)


def test_event_is_never_changed(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The record of what happened is append-only; old rows may be deleted, none rewritten."""
    add(1)
    with pytest.raises(sqlite3.IntegrityError, match="events are append-only"):
        connection.execute("UPDATE events SET action = 'die'")


def test_life_of_a_container_is_told_by_its_events(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Each transition has one event, with what a reader needs when the container is gone."""
    container_id = add(1, "exited")
    connection.execute("UPDATE containers SET name = 'renamed'")
    connection.execute("DELETE FROM containers")
    rows = connection.execute("SELECT kind, action, object_id, name, attributes FROM events ORDER BY seq")
    died = '{"image":"busybox","generation":1,"exitCode":7,"reason":"exited","oomKilled":false}'
    assert [tuple(row) for row in rows] == [
        ("container", "create", container_id, "c1", '{"image":"busybox"}'),
        ("container", "init", container_id, "c1", '{"image":"busybox","generation":1}'),
        ("container", "start", container_id, "c1", '{"image":"busybox","generation":1}'),
        ("container", "died", container_id, "c1", died),
        ("container", "rename", container_id, "renamed", '{"image":"busybox","oldName":"c1"}'),
        ("container", "remove", container_id, "renamed", '{"image":"busybox"}'),
    ]


ALLOCATION_STATES = ("allocated", "active", "cleanup_pending", "cleaned")
ALLOCATION_MOVES = {
    ("allocated", "active"),
    ("allocated", "cleanup_pending"),
    ("allocated", "cleaned"),
    ("active", "cleanup_pending"),
    ("active", "cleaned"),
    ("cleanup_pending", "cleaned"),
}


@pytest.mark.parametrize(("old", "new"), pairs(*ALLOCATION_STATES))
def test_allocation_moves_as_the_table_says_and_in_no_other_way(
    connection: sqlite3.Connection, old: str, new: str
) -> None:
    """An address is leased once and given back once: a cleaned lease never comes back to life."""
    connection.execute(
        "INSERT INTO networks (id, name, bridge, subnet, gateway, created_at) VALUES (?, 'n', 'b', 's', 'g', 1)",
        ("a" * 64,),
    )
    connection.execute(
        "INSERT INTO network_allocations"
        " (network_id, container_id, ip, mac, host_interface, interface, state, allocated_at)"
        " VALUES (?, 'c', '10.0.0.2', 'm', 'h', 'eth0', ?, 1)",
        ("a" * 64, old),
    )
    try:
        connection.execute("UPDATE network_allocations SET state = ?", (new,))
        outcome = "moved"
    except sqlite3.IntegrityError as error:
        outcome = str(error)
    assert outcome == ("moved" if (old, new) in ALLOCATION_MOVES else "illegal move of a network allocation")


CLEANUP_STATES = ("pending", "in_progress", "completed", "failed")
CLEANUP_MOVES = {
    ("pending", "in_progress"),
    ("pending", "completed"),
    ("pending", "failed"),
    ("in_progress", "completed"),
    ("in_progress", "failed"),
    ("in_progress", "pending"),
    ("failed", "pending"),
    ("failed", "in_progress"),
    ("failed", "completed"),
    ("failed", "failed"),
    ("completed", "pending"),
}


@pytest.mark.parametrize(("old", "new"), pairs(*CLEANUP_STATES))
def test_cleanup_moves_as_the_table_says_and_in_no_other_way(
    connection: sqlite3.Connection, old: str, new: str
) -> None:
    """A completed task is opened again only as pending; a failed one may fail again."""
    connection.execute(
        "INSERT INTO cleanup_tasks (container_id, type, resource, state, created_at, changed_at)"
        " VALUES ('c', 'cgroup', 'r', ?, 1, 1)",
        (old,),
    )
    try:
        connection.execute("UPDATE cleanup_tasks SET state = ?", (new,))
        outcome = "moved"
    except sqlite3.IntegrityError as error:
        outcome = str(error)
    assert outcome == ("moved" if (old, new) in CLEANUP_MOVES else "illegal move of a cleanup task")


MONITOR_STATES = ("monitoring", "completed", "failed", "aborted")


@pytest.mark.parametrize(("old", "new"), pairs(*MONITOR_STATES))
def test_monitor_ends_once(connection: sqlite3.Connection, add: Callable[..., str], old: str, new: str) -> None:
    """What ended a shim is written once and stays."""
    add(1, "running")
    if old != "monitoring":
        connection.execute("UPDATE process_monitors SET state = ?, ended_at = 1", (old,))
    try:
        connection.execute("UPDATE process_monitors SET state = ?, ended_at = 2", (new,))
        outcome = "moved"
    except sqlite3.IntegrityError as error:
        outcome = str(error)
    legal = old == "monitoring" and new != "monitoring"
    assert outcome == ("moved" if legal else "illegal move of a process monitor")
