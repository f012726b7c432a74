"""Tasks of removal: what is noted before it is made, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.db import cleanup
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

GONE = "f" * 64
"""The id of a container that has no row."""


def states(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Return what the tasks look like, without ids and times."""
    return [(t.type, t.resource, t.state, t.attempts, t.last_error) for t in cleanup.all_tasks(connection)]


def test_plan_opens_a_task(connection: sqlite3.Connection) -> None:
    """What is going to be made stands in the table as pending."""
    cleanup.plan(connection, GONE, "cgroup", "quilt/ab")
    assert states(connection) == [("cgroup", "quilt/ab", "pending", 0, None)]


def test_plan_of_the_same_resource_is_one_task(connection: sqlite3.Connection) -> None:
    """Planning twice, as when a start is tried again, is no error and no second row."""
    for _ in range(2):
        cleanup.plan(connection, GONE, "cgroup", "quilt/ab")
    assert states(connection) == [("cgroup", "quilt/ab", "pending", 0, None)]


def test_plan_opens_again_what_was_completed_or_failed(connection: sqlite3.Connection) -> None:
    """A container that is started again makes its resources again; the attempts of the last run do not count."""
    cleanup.plan(connection, GONE, "cgroup", "a")
    cleanup.plan(connection, GONE, "mounts", "b")
    cleanup.complete(connection, GONE, "cgroup")
    cleanup.fail(connection, cleanup.all_tasks(connection)[1].id, "busy")
    cleanup.plan(connection, GONE, "cgroup", "a")
    cleanup.plan(connection, GONE, "mounts", "b")
    assert states(connection) == [("cgroup", "a", "pending", 0, None), ("mounts", "b", "pending", 0, None)]


def test_complete_closes_one_type_or_all(connection: sqlite3.Connection) -> None:
    """A container's tasks are closed by type, or all at once, and nobody else's with them."""
    for owner, kind in ((GONE, "cgroup"), (GONE, "mounts"), (GONE, "rootfs"), ("e" * 64, "cgroup")):
        cleanup.plan(connection, owner, kind, "r")
    closed = [cleanup.complete(connection, GONE, "cgroup"), cleanup.complete(connection, GONE)]
    assert closed == [1, 2]
    assert [task.container_id for task in cleanup.open_tasks(connection)] == ["e" * 64]


def test_complete_twice_is_no_error(connection: sqlite3.Connection) -> None:
    """Two that clean the same container are both right."""
    cleanup.plan(connection, GONE, "cgroup", "r")
    assert [cleanup.complete(connection, GONE), cleanup.complete(connection, GONE)] == [1, 0]


def test_fail_counts_attempts_and_keeps_the_last_error(connection: sqlite3.Connection) -> None:
    """A task that fails stays open, with how often and why."""
    cleanup.plan(connection, GONE, "cgroup", "r")
    (task,) = cleanup.open_tasks(connection)
    cleanup.fail(connection, task.id, "busy")
    cleanup.fail(connection, task.id, "still busy")
    assert states(connection) == [("cgroup", "r", "failed", 2, "still busy")]
    assert [t.id for t in cleanup.open_tasks(connection)] == [task.id]


@pytest.mark.parametrize(
    ("state", "open_types"),
    [
        ("created", []),
        ("starting", []),
        ("running", []),
        ("paused", []),
        ("exited", ["cgroup", "mounts"]),
        ("error", ["cgroup", "mounts"]),
    ],
)
def test_open_tasks_leave_the_living_alone(
    connection: sqlite3.Connection, add: Callable[..., str], state: str, open_types: list[str]
) -> None:
    """Nothing that lives is swept; of what has ended all but its files, which stay until it is removed."""
    container_id = add(1, state)
    for kind in ("rootfs", "cgroup", "mounts"):
        cleanup.plan(connection, container_id, kind, "r")
    assert [task.type for task in cleanup.open_tasks(connection)] == open_types
    assert [task.type for task in cleanup.tasks_of(connection, container_id)] == ["rootfs", "cgroup", "mounts"]


def test_open_tasks_have_everything_of_a_removed_container(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """The tasks outlive the row of the container, and then its files are open too."""
    container_id = add(1, "exited")
    with transaction(connection):
        cleanup.plan(connection, container_id, "rootfs", "r")
        connection.execute("DELETE FROM containers")
    assert [task.type for task in cleanup.open_tasks(connection)] == ["rootfs"]


def test_delete_completed_orphans_keeps_what_a_container_may_need_again(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """Rows of what is gone are deleted once their container is gone too; open ones stay."""
    kept = add(1, "exited")
    for owner in (kept, GONE):
        cleanup.plan(connection, owner, "cgroup", "a")
        cleanup.plan(connection, owner, "mounts", "b")
        cleanup.complete(connection, owner, "cgroup")
    cleanup.delete_completed_orphans(connection)
    left = [(task.container_id, task.type) for task in cleanup.all_tasks(connection)]
    assert left == [(kept, "cgroup"), (kept, "mounts"), (GONE, "mounts")]


def test_forget_deletes_every_task_of_a_container(connection: sqlite3.Connection) -> None:
    """What was removed with everything it had leaves no task."""
    for owner in (GONE, "e" * 64):
        cleanup.plan(connection, owner, "cgroup", "a")
    cleanup.forget(connection, GONE)
    assert [task.container_id for task in cleanup.all_tasks(connection)] == ["e" * 64]
