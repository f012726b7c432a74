"""Rows of ``process_monitors``: one per shim. They are written with the moves of its container (db/containers.py)."""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


class Monitor(Value):
    """A shim as it was noted. Whether it lives is asked of the kernel, by pid, start time and boot id together."""

    container_id: str
    container_name: str
    generation: int
    pid: int
    pid_started: int
    boot_id: str
    state: str
    started_at: int
    ended_at: int | None
    ended_by: str | None


def list_all(connection: sqlite3.Connection, *, ended: bool = False) -> list[Monitor]:
    """Return the shims that nobody saw ending, newest first; with ``ended`` also the others.

    A shim's row goes with the row of its container.
    """
    condition = "" if ended else "WHERE m.state = 'monitoring'"
    rows = connection.execute(
        "SELECT m.container_id, c.name, m.generation, m.pid, m.pid_started, m.boot_id, m.state, m.started_at,"  # noqa: S608 (no outside word in it)
        " m.ended_at, m.ended_by FROM process_monitors AS m JOIN containers AS c ON c.id = m.container_id"
        f" {condition} ORDER BY m.started_at DESC, m.container_id"
    )
    return [Monitor(*row) for row in rows]
