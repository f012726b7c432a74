"""Rows of ``meta``: what the whole root has to remember, by key."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


def get(connection: sqlite3.Connection, key: str) -> str | None:
    """Return the value of a key, or None when it was never put."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def put(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Remember a value under a key, in place of an earlier one."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def delete(connection: sqlite3.Connection, key: str) -> None:
    """Forget a key. One that was never put is forgotten already."""
    connection.execute("DELETE FROM meta WHERE key = ?", (key,))
