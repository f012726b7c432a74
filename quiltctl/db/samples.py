"""Rows of ``samples``: what a container had used at a moment, recorded by ``gc``."""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


class Sample(Value):
    """What a container had used since the start of a run, by a moment in nanoseconds since 1970."""

    container_id: str
    at: int
    generation: int
    cpu_ns: int | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    pids: int | None
    received_bytes: int | None
    sent_bytes: int | None
    read_bytes: int | None
    written_bytes: int | None


_COLUMNS = ", ".join(Sample._fields)


def record(connection: sqlite3.Connection, samples: Iterable[Sample], *, apart_ns: int) -> None:
    """Add samples, but for those of containers that have one less than so long before, or whose run is over."""
    connection.executemany(
        f"INSERT INTO samples ({_COLUMNS}) SELECT {', '.join(f'?{n}' for n in range(1, len(Sample._fields) + 1))}"  # noqa: S608 (names of columns)
        " WHERE EXISTS (SELECT 1 FROM containers WHERE id = ?1 AND generation = ?3 AND state IN ('running', 'paused'))"
        # One from the future, before the clock was set back, keeps nobody from going on.
        f" AND NOT EXISTS (SELECT 1 FROM samples WHERE container_id = ?1 AND at BETWEEN ?2 - {apart_ns:d} AND ?2)",
        [tuple(sample.to_dict().values()) for sample in samples],
    )


def delete_before(connection: sqlite3.Connection, before: int) -> None:
    """Forget the samples from before a moment. Each container's old ones stand together."""
    connection.execute(
        "DELETE FROM samples WHERE container_id IN (SELECT id FROM containers) AND at < ?",
        (before,),
    )


def of_container(connection: sqlite3.Connection, container_id: str, since: int) -> list[Sample]:
    """Return the samples of a container from a moment on, the oldest first, and before them the last one before it.

    A database that nobody has written since an older quiltctl has none.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'samples'").fetchone() is None:
        return []
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM samples WHERE container_id = ?1 AND at >= coalesce("  # noqa: S608
        "(SELECT max(at) FROM samples WHERE container_id = ?1 AND at < ?2), ?2) ORDER BY at",
        (container_id, since),
    )
    return [Sample(*row) for row in rows]
