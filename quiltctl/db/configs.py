"""The column ``config`` of ``containers``: every option that a container was made with, as a JSON object."""

from __future__ import annotations

import time

from quiltctl import errors
from quiltctl.model.document import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


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


def drop_option(connection: sqlite3.Connection, container_id: str, field: str) -> None:
    """Take one field out of a container's config."""
    connection.execute(
        "UPDATE containers SET config = json_remove(config, ?) WHERE id = ?", (f"$.{field}", container_id)
    )


def updating(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of the containers whose limits are being changed, or were when that was cut short."""
    return {row[0] for row in connection.execute("SELECT id FROM containers WHERE config -> '$.update' IS NOT NULL")}


def cidfile_of(connection: sqlite3.Connection, container_id: str) -> str:
    """Return the path of the file that holds the container's id, or "" where there is none."""
    row = connection.execute(
        # As bytes: a path need not be UTF-8. JSON has \udcff for a byte 0xff, and SQLite's module refuses it as text.
        "SELECT CAST(config ->> '$.cidfile' AS BLOB) FROM containers WHERE id = ?",
        (container_id,),
    ).fetchone()
    return "" if row is None or row[0] is None else row[0].decode("utf-8", "surrogatepass")
