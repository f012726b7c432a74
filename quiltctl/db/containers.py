"""Rows of ``containers``: one per container, and the compare-and-set that moves it from state to state."""

from __future__ import annotations

import time

from quiltctl import errors
from quiltctl.model.document import encode
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from typing import Any

LIVE = ("starting", "running", "paused")
"""The states in which a shim owns the container."""


class Container(Value):
    """What the database says of a container. Whether it is still so, the kernel tells (lifecycle/observe.py)."""

    id: str
    name: str
    generation: int
    state: str
    image_id: str | None
    image_name: str
    command: str
    pid: int | None
    pid_started: int | None
    shim_pid: int | None
    shim_started: int | None
    boot_id: str | None
    exit_code: int | None
    exit_reason: str | None
    oom_killed: int
    error: str | None
    auto_remove: int
    created_at: int
    started_at: int | None
    finished_at: int | None


_COLUMNS = ", ".join(Container._fields)


def insert(
    connection: sqlite3.Connection,
    *,
    container_id: str,
    name: str,
    image_id: str | None,
    image_name: str,
    command: str,
    config: str,
    auto_remove: bool,
    labels: dict[str, str],
) -> None:
    """Add a container in state ``created``. ``command`` and ``config`` are JSON texts.

    Raises:
        Conflict: the name is taken; the sentence names the owner.
    """
    now = time.time_ns()
    owner = connection.execute("SELECT id FROM containers WHERE name = ?", (name,)).fetchone()
    if owner is not None:
        raise errors.Conflict(
            f'the name "{name}" is taken by container {owner["id"][:12]}',
            hint=f"choose another name, remove it with: quiltctl rm {name}, or run with --replace",
        )
    connection.execute(
        "INSERT INTO containers (id, name, image_id, image_name, command, config, auto_remove, created_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (container_id, name, image_id, image_name, command, config, auto_remove, now, now),
    )
    connection.executemany(
        "INSERT INTO container_labels (container_id, key, value) VALUES (?, ?, ?)",
        [(container_id, key, value) for key, value in labels.items()],
    )


def move(
    connection: sqlite3.Connection,
    container_id: str,
    generation: int,
    from_states: Sequence[str],
    to_state: str,
    **facts: Any,
) -> bool:
    """Move a container, and write the facts that go with it, if it still is in one of the states.

    Returns whether it was: False means that somebody was first, or that the container has been started anew.
    ``facts`` are columns of the table.
    """
    columns = {"state": to_state, "changed_at": time.time_ns(), **facts}
    # The names of columns come from our own call sites, never from outside; the values are bound.
    changed = connection.execute(
        f"UPDATE containers SET {', '.join(f'{column} = ?' for column in columns)}"  # noqa: S608
        f" WHERE id = ? AND generation = ? AND state IN ({', '.join('?' * len(from_states))})",
        (*columns.values(), container_id, generation, *from_states),
    )
    return changed.rowcount == 1


def begin_start(
    connection: sqlite3.Connection, container_id: str, *, shim_pid: int, shim_started: int, boot_id: str
) -> int | None:
    """Move a container that does not run to ``starting`` under a new shim, and note the shim.

    Returns the new run generation, or None when the container is not in a state to start.
    """
    now = time.time_ns()
    row = connection.execute(
        "UPDATE containers SET state = 'starting', generation = generation + 1, shim_pid = ?, shim_started = ?,"
        " boot_id = ?, pid = NULL, pid_started = NULL, exit_code = NULL, exit_reason = NULL, oom_killed = 0,"
        " oom_kills = 0,"
        " error = NULL, started_at = NULL, finished_at = NULL, changed_at = ?"
        " WHERE id = ? AND state IN ('created', 'exited', 'error') RETURNING generation",
        (shim_pid, shim_started, boot_id, now, container_id),
    ).fetchone()
    if row is None:
        return None
    generation: int = row["generation"]
    connection.execute(
        "INSERT INTO process_monitors (container_id, generation, pid, pid_started, boot_id, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (container_id, generation, shim_pid, shim_started, boot_id, now),
    )
    return generation


def note_oom_kills(connection: sqlite3.Connection, container_id: str, generation: int, kills: int) -> None:
    """Write how many processes of a live run were killed for memory, if more than is written already."""
    connection.execute(
        f"UPDATE containers SET oom_kills = ?, changed_at = ? WHERE id = ? AND generation = ? AND oom_kills < ?"  # noqa: S608
        f" AND state IN ({', '.join('?' * len(LIVE))})",
        (kills, time.time_ns(), container_id, generation, kills, *LIVE),
    )


def end_monitor(connection: sqlite3.Connection, container_id: str, generation: int, state: str, ended_by: str) -> None:
    """Note that a shim ended, if that is not noted yet. ``state`` is completed, failed or aborted."""
    connection.execute(
        "UPDATE process_monitors SET state = ?, ended_at = ?, ended_by = ?"
        " WHERE container_id = ? AND generation = ? AND state = 'monitoring'",
        (state, time.time_ns(), ended_by, container_id, generation),
    )


def get(connection: sqlite3.Connection, container_id: str) -> Container | None:
    """Return the container of this full id, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM containers WHERE id = ?", (container_id,)).fetchone()  # noqa: S608
    return None if row is None else Container(*row)


def find(connection: sqlite3.Connection, reference: str) -> Container:
    """Return the container a reference names: a name, else a full id, else an id prefix that fits one only.

    Raises:
        NotFound: nothing fits.
        Ambiguous: several ids begin so.
    """
    wanted = reference.removeprefix("/")
    # Names and ids are ASCII; SQLite cannot even be asked for what is not UTF-8.
    for column in ("name", "id") if wanted.isascii() else ():
        row = connection.execute(f"SELECT {_COLUMNS} FROM containers WHERE {column} = ?", (wanted,)).fetchone()  # noqa: S608
        if row is not None:
            return Container(*row)
    if not wanted or wanted.strip("0123456789abcdef"):
        raise errors.NotFound("container", reference)
    # A range, not LIKE: it uses the index and knows no wildcards. "g" is the first letter after every hex digit.
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM containers WHERE id >= ? AND id < ? ORDER BY id LIMIT 6",  # noqa: S608
        (wanted, f"{wanted}g"),
    ).fetchall()
    if not rows:
        raise errors.NotFound("container", reference)
    if len(rows) > 1:
        raise errors.Ambiguous("container", reference, [f"{row['id'][:12]} ({row['name']})" for row in rows])
    return Container(*rows[0])


def list_all(connection: sqlite3.Connection, states: Iterable[str] = ()) -> list[Container]:
    """Return the containers in these states, or all, newest first."""
    wanted = tuple(states)
    condition = f"WHERE state IN ({', '.join('?' * len(wanted))})" if wanted else ""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM containers {condition} ORDER BY created_at DESC",  # noqa: S608
        wanted,
    )
    return [Container(*row) for row in rows]


def config_of(connection: sqlite3.Connection, container_id: str) -> str:
    """Return the JSON text of every option the container was made with."""
    row = connection.execute("SELECT config FROM containers WHERE id = ?", (container_id,)).fetchone()
    if row is None:
        raise errors.NotFound("container", container_id[:12])
    text: str = row["config"]
    return text


def seccomp_profiles(connection: sqlite3.Connection) -> set[str]:
    """Return the profiles of system calls that containers were made with, by name."""
    rows = connection.execute("SELECT DISTINCT config ->> '$.seccomp' FROM containers")
    return {row[0] for row in rows if row[0] is not None}


def has_run(connection: sqlite3.Connection, container_id: str) -> bool:
    """Return whether a program has ever run in the container, as far as events are kept."""
    row = connection.execute("SELECT 1 FROM events WHERE object_id = ? AND action = 'start' LIMIT 1", (container_id,))
    return row.fetchone() is not None


def note_fallback(connection: sqlite3.Connection, container_id: str, reason: str) -> None:
    """Write into the config that the container has no user namespace of its own after all, and why."""
    connection.execute(
        "UPDATE containers SET config = json_set(config, '$.userns', 'host', '$.uid_map', json('[]'),"
        " '$.gid_map', json('[]'), '$.fallback', ?) WHERE id = ?",
        (reason, container_id),
    )


def set_option(connection: sqlite3.Connection, container_id: str, field: str, value: object) -> None:
    """Write one field of a container's config anew."""
    connection.execute(
        "UPDATE containers SET config = json_set(config, ?, json(?)), changed_at = ? WHERE id = ?",
        (f"$.{field}", encode(value), time.time_ns(), container_id),
    )


def labels_of(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Return the labels of every container that has any, by container id."""
    labels: dict[str, dict[str, str]] = {}
    for container_id, key, value in connection.execute("SELECT container_id, key, value FROM container_labels"):
        labels.setdefault(container_id, {})[key] = value
    return labels


def rename(connection: sqlite3.Connection, container_id: str, name: str) -> None:
    """Give the container another name.

    Raises:
        Conflict: the name is taken.
    """
    owner = connection.execute("SELECT id FROM containers WHERE name = ?", (name,)).fetchone()
    if owner is not None and owner["id"] != container_id:
        raise errors.Conflict(f'the name "{name}" is taken by container {owner["id"][:12]}', hint="choose another name")
    connection.execute(
        "UPDATE containers SET name = ?, changed_at = ? WHERE id = ?", (name, time.time_ns(), container_id)
    )


def touch(connection: sqlite3.Connection, container_id: str) -> None:
    """Note that something of the container has changed now that is kept elsewhere, such as its networks."""
    connection.execute("UPDATE containers SET changed_at = ? WHERE id = ?", (time.time_ns(), container_id))


def delete(connection: sqlite3.Connection, container_id: str, generation: int) -> bool:
    """Delete the row of a container that has ended. Returns whether it was there, ended, and of this generation."""
    changed = connection.execute(
        "DELETE FROM containers WHERE id = ? AND generation = ? AND state IN ('created', 'exited', 'error')",
        (container_id, generation),
    )
    return changed.rowcount == 1


def last_exit(connection: sqlite3.Connection, reference: str) -> tuple[str, int | None] | None:
    """Return id and exit code of the last run of a container that may be removed by now, or None when none is known.

    A reference is a full id, an id prefix or a name, as in ``find``.
    """
    wanted = reference.removeprefix("/")
    if not wanted or not wanted.isascii():
        return None
    # Two searches, each by its index. As one condition with OR it would read all events there are.
    row = connection.execute(
        "SELECT object_id, attributes ->> '$.exitCode' AS code FROM ("
        " SELECT * FROM (SELECT * FROM events WHERE action = 'died' AND kind = 'container' AND name = ?"
        "                ORDER BY seq DESC LIMIT 1)"
        " UNION ALL"
        " SELECT * FROM (SELECT * FROM events WHERE action = 'died' AND kind = 'container'"
        "                AND object_id >= ? AND object_id < ? ORDER BY seq DESC LIMIT 1)"
        ") ORDER BY seq DESC LIMIT 1",
        (wanted, wanted, f"{wanted}g"),
    ).fetchone()
    return None if row is None else (row["object_id"], row["code"])


def cidfile_of(connection: sqlite3.Connection, container_id: str) -> str:
    """Return the path of the file that holds the container's id, or "" where there is none."""
    row = connection.execute(
        # As bytes: a path need not be UTF-8. JSON has \udcff for a byte 0xff, and SQLite's module refuses it as text.
        "SELECT CAST(config ->> '$.cidfile' AS BLOB) FROM containers WHERE id = ?",
        (container_id,),
    ).fetchone()
    return "" if row is None or row[0] is None else row[0].decode("utf-8", "surrogatepass")


def name_taken(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether a container has this name."""
    return connection.execute("SELECT 1 FROM containers WHERE name = ?", (name,)).fetchone() is not None
