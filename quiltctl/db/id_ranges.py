"""Rows of ``id_ranges`` and ``id_range_uses``: which container has which user and group ids of the host."""

from __future__ import annotations

import os

from quiltctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

SLOT = 65536
"""Ranges begin at its multiples: one container that takes fewer ids has the rest of its slot to itself."""
_GUESSES = 16


def lease(connection: sqlite3.Connection, size: int, pool: tuple[int, int]) -> int:
    """Take a range of ``size`` ids from the pool (first id, size), and return its first id.

    In the same transaction somebody must come to ``use`` it: the last user's end is what returns it.

    A place is guessed first: one that was returned a moment ago is unlikely to come again, and no other row is read.

    Raises:
        Conflict: no range of this size is free.
    """
    pool_first, pool_size = pool
    slots = -(-size // SLOT)
    places = pool_size // SLOT - slots + 1
    first_id = None
    if places > 0:
        guesses = (pool_first + int.from_bytes(os.urandom(4), "big") % places * SLOT for _ in range(_GUESSES))
        first_id = next((guess for guess in guesses if _is_free(connection, guess, slots * SLOT)), None)
        if first_id is None:
            first_id = _first_gap(connection, slots * SLOT, pool)
    if first_id is None:
        used = connection.execute("SELECT count(*) FROM id_ranges").fetchone()[0]
        raise errors.Conflict(
            f"no range of {size} ids is free: {used} are leased, of {max(pool_size // SLOT, 0)} in all",
            hint="remove containers, or give more ids with QUILT_ID_POOL=FIRST:SIZE",
        )
    connection.execute("INSERT INTO id_ranges (first_id, size) VALUES (?, ?)", (first_id, slots * SLOT))
    return first_id


def use(connection: sqlite3.Connection, container_id: str, first_id: int) -> None:
    """Note that a container uses a range, from now until its row is deleted."""
    connection.execute("INSERT INTO id_range_uses (container_id, first_id) VALUES (?, ?)", (container_id, first_id))


def used_by(connection: sqlite3.Connection, container_id: str) -> int | None:
    """Return the first id of the range that a container uses, or None when it uses none."""
    row = connection.execute("SELECT first_id FROM id_range_uses WHERE container_id = ?", (container_id,)).fetchone()
    return None if row is None else int(row[0])


def give_back(connection: sqlite3.Connection, container_id: str) -> None:
    """Return the range of a container that turned out to need none."""
    connection.execute("DELETE FROM id_range_uses WHERE container_id = ?", (container_id,))


def _is_free(connection: sqlite3.Connection, first_id: int, size: int) -> bool:
    row = connection.execute(
        "SELECT first_id + size FROM id_ranges WHERE first_id < ? ORDER BY first_id DESC LIMIT 1", (first_id + size,)
    ).fetchone()
    return row is None or row[0] <= first_id


def _first_gap(connection: sqlite3.Connection, size: int, pool: tuple[int, int]) -> int | None:
    """Return the first place that is large enough; it reads all ranges, which only a crowded pool comes to."""
    candidate, end = pool[0], pool[0] + pool[1]
    rows = connection.execute("SELECT first_id, size FROM id_ranges WHERE first_id < ? ORDER BY first_id", (end,))
    for first_id, taken in rows:
        if first_id >= candidate + size:
            break
        candidate = max(candidate, first_id + taken)
    return candidate if candidate + size <= end else None
