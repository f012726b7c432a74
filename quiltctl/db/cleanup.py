"""Rows of ``cleanup_tasks``: each resource that will not die by itself, noted before it is made."""

from __future__ import annotations

import time

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


class Task(Value):
    """One resource that somebody has to remove."""

    id: int
    container_id: str
    type: str
    resource: str
    state: str
    attempts: int
    last_error: str | None
    created_at: int
    changed_at: int


_COLUMNS = ", ".join(Task._fields)


def plan(connection: sqlite3.Connection, container_id: str, type: str, resource: str) -> None:
    """Note that this resource is going to exist. A row of an earlier run is opened again."""
    now = time.time_ns()
    # A row that waits already stays as it is: from pending to pending is no move.
    connection.execute(
        "INSERT INTO cleanup_tasks (container_id, type, resource, created_at, changed_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (container_id, type, resource) DO UPDATE"
        " SET state = 'pending', attempts = 0, last_error = NULL, changed_at = excluded.changed_at"
        " WHERE state <> 'pending'",
        (container_id, type, resource, now, now),
    )


def complete(connection: sqlite3.Connection, container_id: str, type: str | None = None) -> int:
    """Note that a container's resources are gone: all of them, or those of one type. Returns how many were open."""
    return connection.execute(
        "UPDATE cleanup_tasks SET state = 'completed', last_error = NULL, changed_at = ?"
        " WHERE container_id = ? AND (?3 IS NULL OR type = ?3) AND state <> 'completed'",
        (time.time_ns(), container_id, type),
    ).rowcount


def fail(connection: sqlite3.Connection, task_id: int, error: str) -> None:
    """Note that removing was tried in vain, and why. The task stays open."""
    connection.execute(
        "UPDATE cleanup_tasks SET state = 'failed', attempts = attempts + 1, last_error = ?, changed_at = ?"
        " WHERE id = ? AND state <> 'completed'",
        (error, time.time_ns(), task_id),
    )


def open_tasks(connection: sqlite3.Connection) -> list[Task]:
    """Return what should be gone and is not, the oldest first; what a living container uses is not among it."""
    return [Task(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM open_cleanup ORDER BY id")]  # noqa: S608 (our own column names)


def count_open(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how many tasks are open, by type and state."""
    rows = connection.execute("SELECT type, state, count(*) FROM open_cleanup GROUP BY type, state")
    return {(kind, state): count for kind, state, count in rows}


def all_tasks(connection: sqlite3.Connection) -> list[Task]:
    """Return every task there is, the oldest first: also the completed ones and those of living containers."""
    return [Task(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM cleanup_tasks ORDER BY id")]  # noqa: S608 (our own column names)


def open_resources(connection: sqlite3.Connection, type: str) -> list[str]:
    """Return the resources of one type that are not removed yet, whosever they are."""
    rows = connection.execute("SELECT resource FROM cleanup_tasks WHERE state <> 'completed' AND type = ?", (type,))
    return [row[0] for row in rows]


def resources_of(connection: sqlite3.Connection, container_id: str, type: str) -> list[str]:
    """Return the resources of one type that were ever noted for a container, removed or not."""
    rows = connection.execute(
        "SELECT resource FROM cleanup_tasks WHERE container_id = ? AND type = ?", (container_id, type)
    )
    return [row[0] for row in rows]


def cgroup_of(connection: sqlite3.Connection, container_id: str) -> str:
    """Return the path of the cgroup that the last run of a container was given, or "" for none."""
    rows = connection.execute(
        "SELECT resource FROM cleanup_tasks WHERE container_id = ? AND type = 'cgroup'"
        " ORDER BY changed_at DESC LIMIT 1",
        (container_id,),
    )
    return next((row[0] for row in rows), "")


def tasks_of(connection: sqlite3.Connection, container_id: str) -> list[Task]:
    """Return a container's tasks that are not completed, whether it lives or not."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM cleanup_tasks WHERE container_id = ? AND state <> 'completed' ORDER BY id",  # noqa: S608 (our own column names)
        (container_id,),
    )
    return [Task(*row) for row in rows]


def forget(connection: sqlite3.Connection, container_id: str) -> None:
    """Delete the rows of a container of which nothing is left, the row itself included."""
    connection.execute("DELETE FROM cleanup_tasks WHERE container_id = ?", (container_id,))


def delete_completed_orphans(connection: sqlite3.Connection) -> None:
    """Delete the rows of what is gone, of containers that are gone as well."""
    connection.execute(
        "DELETE FROM cleanup_tasks WHERE state = 'completed' AND container_id NOT IN (SELECT id FROM containers)"
    )
