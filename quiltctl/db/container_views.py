"""Containers as listings need them: without their configs, and what lies in other tables, for all of them at once."""

from __future__ import annotations

from quiltctl.db.containers import Container
from quiltctl.db.document import decode
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

_COLUMNS = ", ".join(Container._fields)


class Counted(Value):
    """A container with what must be known to find out what it uses."""

    container: Container
    network: str
    """none, host, ``container:ID``, or bridge."""
    cgroups: str
    """``disabled`` has no cgroup."""
    cgroup_parent: str


def listed(connection: sqlite3.Connection, *, state: str | None = None) -> list[Container]:
    """Return the containers in this state, or all, the oldest first.

    The index has all these columns, so that the pages with the configs are not read: the order of this query is
    the order of that index, and SQLite would rather take the shorter one and look up every row.
    """
    condition, values = ("", ()) if state is None else ("WHERE state = ?", (state,))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM containers INDEXED BY containers_listed {condition}"  # noqa: S608
        " ORDER BY created_at, id",
        values,
    )
    return [Container(*row) for row in rows]


def counted(
    connection: sqlite3.Connection, ids: Sequence[str] | None = None, *, states: Sequence[str] = ()
) -> list[Counted]:
    """Return the containers of these ids, or all, and of them those in these states, or all; the oldest first."""
    conditions = [
        f"{column} IN ({', '.join('?' * len(wanted))})"
        for column, wanted in (("id", ids), ("state", states or None))
        if wanted is not None
    ]
    rows = connection.execute(
        f"SELECT coalesce(config ->> '$.network', ''), coalesce(config ->> '$.cgroups', ''),"  # noqa: S608 (names of columns)
        f" coalesce(config ->> '$.cgroup_parent', ''), {_COLUMNS} FROM containers"
        f" {'WHERE' if conditions else ''} {' AND '.join(conditions)} ORDER BY created_at, id",
        (*(ids or ()), *states),
    )
    return [Counted(Container(*row[3:]), *row[:3]) for row in rows]


def newest(connection: sqlite3.Connection) -> Container | None:
    """Return the container that was created last, or None when there is none."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM containers ORDER BY created_at DESC, id DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    return None if row is None else Container(*row)


def network_modes(connection: sqlite3.Connection) -> dict[str, str]:
    """Return by container id how it is in networks: none, host, ``container:ID`` or bridge. Every config is read."""
    return dict(connection.execute("SELECT id, coalesce(config ->> '$.network', '') FROM containers").fetchall())


def networks(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return by container id the names of the networks it is in, in its order."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT m.container_id, n.name FROM network_memberships AS m JOIN networks AS n ON n.id = m.network_id"
        " ORDER BY m.container_id, m.position, n.id"
    )
    for container_id, name in rows:
        found.setdefault(container_id, []).append(name)
    return found


def ports(connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return by container id the ports of the host that lead to it; only leases that have some are read."""
    found: dict[str, list[dict[str, Any]]] = {}
    rows = connection.execute(
        "SELECT container_id, ports FROM network_allocations"
        " WHERE id IN (SELECT allocation_id FROM published_ports) AND state <> 'cleaned'"
    )
    for container_id, text in rows:
        found.setdefault(container_id, []).extend(decode(connection, text))
    return found


def volumes(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
    """Return by container id the volumes it uses, each with the place in the container where it is mounted."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute("SELECT container_id, volume, destination FROM volume_uses ORDER BY destination")
    for container_id, volume, destination in rows:
        found.setdefault(container_id, []).append((volume, destination))
    return found


def image_sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the size in bytes of every image, by id."""
    return dict(connection.execute("SELECT id, size_bytes FROM images").fetchall())
