"""Rows of containers: insert, compare-and-set, finding, names."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

BOOT = "11111111-2222-3333-4444-555555555555"


def test_insert_writes_what_was_given(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A container begins as created, in generation 0, with nothing that only a run can know."""
    container_id = add(1, labels={"b": "2", "a": "1"}, auto_remove=True)
    made = containers.get(connection, container_id)
    assert made is not None
    assert made.to_dict() == {
        "id": container_id,
        "name": "c1",
        "generation": 0,
        "state": "created",
        "image_id": None,
        "image_name": "busybox",
        "command": '["true"]',
        "pid": None,
        "pid_started": None,
        "shim_pid": None,
        "shim_started": None,
        "boot_id": None,
        "exit_code": None,
        "exit_reason": None,
        "oom_killed": 0,
        "error": None,
        "auto_remove": 1,
        "created_at": made.created_at,
        "started_at": None,
        "finished_at": None,
    }
    assert containers.labels_of(connection) == {container_id: {"a": "1", "b": "2"}}


def test_insert_names_the_owner_of_a_taken_name(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Whoever wants a name that is taken is told by whom, and how to go on."""
    owner = add(1)
    with pytest.raises(errors.Conflict) as caught:
        add(2, name="c1")
    hint = "choose another name, remove it with: quiltctl rm c1, or run with --replace"
    assert (str(caught.value), caught.value.hint) == (f'the name "c1" is taken by container {owner[:12]}', hint)
    assert [c.id for c in containers.list_all(connection)] == [owner]


@pytest.mark.parametrize("name", ["", "-a", ".a", "_a", "a b", "a/b", "a\n", "ä", "a" * 256])
def test_insert_of_a_bad_name_is_refused_by_the_database(
    connection: sqlite3.Connection, add: Callable[..., str], name: str
) -> None:
    """The rule for names holds for whoever writes."""
    with pytest.raises(sqlite3.IntegrityError):
        add(1, name=name)
    assert containers.list_all(connection) == []


def test_move_happens_once(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Of two that move the same container, the second learns that it was late, and nothing of its facts is written."""
    container_id = add(1, "running")
    ended = {"exit_reason": "exited", "finished_at": 5}
    first = containers.move(connection, container_id, 1, containers.LIVE, "exited", exit_code=3, **ended)
    second = containers.move(connection, container_id, 1, containers.LIVE, "exited", exit_code=4, **ended)
    after = containers.get(connection, container_id)
    assert after is not None
    assert (first, second, after.state, after.exit_code) == (True, False, "exited", 3)


def test_move_of_an_older_run_changes_nothing(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The record of a run before the last start comes too late."""
    container_id = add(1, "exited")
    again = containers.begin_start(connection, container_id, shim_pid=50, shim_started=500, boot_id=BOOT)
    late = containers.move(
        connection, container_id, 1, ("starting",), "exited", exit_code=9, exit_reason="exited", finished_at=9
    )
    after = containers.get(connection, container_id)
    assert after is not None
    assert (again, late, after.state, after.exit_code) == (2, False, "starting", None)


def test_begin_start_forgets_the_last_run(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A new start takes the exit code, reason and times of the last run away and notes the new shim."""
    container_id = add(1, "exited")
    containers.begin_start(connection, container_id, shim_pid=50, shim_started=500, boot_id=BOOT)
    after = containers.get(connection, container_id)
    assert after is not None
    assert (after.exit_code, after.exit_reason, after.started_at, after.finished_at) == (None, None, None, None)
    monitors = connection.execute("SELECT generation, pid, pid_started, state FROM process_monitors")
    assert [tuple(row) for row in monitors] == [(1, 40, 400, "monitoring"), (2, 50, 500, "monitoring")]


@pytest.mark.parametrize("state", ["starting", "running", "paused"])
def test_begin_start_of_a_living_container_says_none(
    connection: sqlite3.Connection, add: Callable[..., str], state: str
) -> None:
    """Two starts at once give one shim."""
    container_id = add(1, state)
    assert containers.begin_start(connection, container_id, shim_pid=50, shim_started=5, boot_id=BOOT) is None
    assert connection.execute("SELECT count(*) FROM process_monitors").fetchone()[0] == 1


def test_end_monitor_notes_the_first_end_only(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """What ended a shim is written once; a second report changes nothing and is no error."""
    container_id = add(1, "running")
    containers.end_monitor(connection, container_id, 1, "completed", "exit")
    containers.end_monitor(connection, container_id, 1, "aborted", "gc")
    rows = connection.execute("SELECT state, ended_by FROM process_monitors")
    assert [tuple(row) for row in rows] == [("completed", "exit")]


def test_find_prefers_a_name_to_an_id(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A container that is named like the beginning of another's id is the one that is meant."""
    add(1, container_id="ab" + "0" * 62)
    named = add(2, name="ab", container_id="c" * 64)
    assert containers.find(connection, "ab").id == named


@pytest.mark.parametrize("reference", ["c1", "/c1", "ab" + "0" * 62, "ab", "a"])
def test_find_knows_name_id_and_prefix(connection: sqlite3.Connection, add: Callable[..., str], reference: str) -> None:
    """A name, one with a slash before it, a whole id, and the beginning of an id all name the container."""
    wanted = add(1, container_id="ab" + "0" * 62)
    add(2, container_id="b" * 64)
    assert containers.find(connection, reference).id == wanted


@pytest.mark.parametrize("reference", ["", "/", "c", "C1", "A", "*", "a%", "_", "é", "c1\0", "g", "0x", "'", "a" * 65])
def test_find_of_nothing_says_so_in_the_same_words(
    connection: sqlite3.Connection, add: Callable[..., str], reference: str
) -> None:
    """What names nothing is not found, wildcards and odd characters too, and the sentence repeats what was typed."""
    add(1, container_id="ab" + "0" * 62)
    with pytest.raises(errors.NotFound) as caught:
        containers.find(connection, reference)
    assert str(caught.value) == f'no such container: "{reference}"'


def test_find_of_several_lists_them(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The beginning of two ids is ambiguous, and the error shows which they are."""
    add(1, container_id="ab" + "0" * 62)
    add(2, container_id="ab" + "1" * 62)
    with pytest.raises(errors.Ambiguous) as caught:
        containers.find(connection, "ab")
    assert str(caught.value) == 'container "ab" is ambiguous: it fits ab0000000000 (c1), ab1111111111 (c2)'


def test_list_all_is_newest_first(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The container that was created last comes first, and states choose among them."""
    ids = [add(number, state) for number, state in ((1, "running"), (2, "exited"), (3, "paused"))]
    assert [c.id for c in containers.list_all(connection)] == ids[::-1]
    assert [c.id for c in containers.list_all(connection, containers.LIVE)] == [ids[2], ids[0]]


def test_rename_makes_room_for_the_old_name(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """After a rename the old name is free and the new one is taken."""
    first = add(1)
    containers.rename(connection, first, "other")
    second = add(2, name="c1")
    assert (containers.find(connection, "other").id, containers.find(connection, "c1").id) == (first, second)


def test_rename_to_a_taken_name_is_a_conflict(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A rename takes no name away from another container."""
    owner, other = add(1), add(2)
    with pytest.raises(errors.Conflict, match=f'the name "c1" is taken by container {owner[:12]}'):
        containers.rename(connection, other, "c1")


@pytest.mark.parametrize(
    ("state", "generation", "deleted"),
    [("created", 0, True), ("exited", 1, True), ("error", 1, True), ("exited", 0, False), ("running", 1, False)],
)
def test_delete_takes_only_what_has_ended(
    connection: sqlite3.Connection, add: Callable[..., str], state: str, generation: int, *, deleted: bool
) -> None:
    """A row goes when its container has ended and was not started again meanwhile; its labels and shims go with it."""
    container_id = add(1, state, labels={"a": "1"})
    assert containers.delete(connection, container_id, generation) is deleted
    left = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("containers", "container_labels")]
    assert left == ([0, 0] if deleted else [1, 1])


@pytest.mark.parametrize("reference", ["c1", "/c1", "0" * 63 + "1", "0" * 63])
def test_last_exit_is_known_after_the_row_is_gone(
    connection: sqlite3.Connection, add: Callable[..., str], reference: str
) -> None:
    """Whoever waits for a container learns its code although it has been removed meanwhile."""
    container_id = add(1, "exited")
    with transaction(connection):
        containers.delete(connection, container_id, 1)
    assert containers.last_exit(connection, reference) == (container_id, 7)


@pytest.mark.parametrize("reference", ["", "/", "c2", "f"])
def test_last_exit_of_what_never_ended_is_none(
    connection: sqlite3.Connection, add: Callable[..., str], reference: str
) -> None:
    """A reference that fits no end that was recorded, the empty one too, has no exit code."""
    add(1, "exited")
    add(2, "running")
    assert containers.last_exit(connection, reference) is None


def test_last_exit_that_is_unknown_is_none_and_not_zero(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """When nobody saw the exit code, that is what is told."""
    container_id = add(1, "running")
    containers.move(connection, container_id, 1, ("running",), "exited", exit_reason="supervisor-lost", finished_at=5)
    assert containers.last_exit(connection, "c1") == (container_id, None)
