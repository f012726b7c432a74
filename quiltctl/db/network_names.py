"""Who finds whom by name: leases with the names of their containers, of networks that have names.

Alive here is what has an address that something may answer at; a lease that only waits for gc is not.
"""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


class Member(Value):
    """A live container in a network that has names."""

    lease_id: int
    network_id: str
    container_id: str
    name: str
    ip: str
    ip6: str
    """Empty without IPv6."""
    aliases: str
    """A JSON array of names."""


class Place(Value):
    """Where a container is whose /etc/hosts names others: one of its networks, with names or without."""

    container_id: str
    name: str
    hostname: str
    extra_hosts: str
    """A JSON array of ``NAME:ADDRESS``."""
    lease_id: int
    network_id: str
    ip: str
    ip6: str
    aliases: str
    names: int
    gateway: str
    """Empty where the network leads nowhere."""


_LIVE = "a.state <> 'cleaned' AND a.state <> 'cleanup_pending'"
"""Word for word what the indexes of the leases are limited to, and what is left of them."""


def with_names(connection: sqlite3.Connection, network_ids: Iterable[str]) -> list[str]:
    """Return those of some networks whose containers find each other by name, in order."""
    ids = tuple(network_ids)
    rows = connection.execute(f"SELECT id FROM networks WHERE id IN ({_marks(ids)}) AND names = 1 ORDER BY id", ids)  # noqa: S608
    return [row[0] for row in rows]


def members(connection: sqlite3.Connection, network_ids: Iterable[str]) -> list[Member]:
    """Return who can be found by name in some networks, in the order of the leases."""
    ids = tuple(network_ids)
    rows = connection.execute(
        "SELECT a.id, a.network_id, a.container_id, c.name, a.ip, coalesce(a.ip6, ''), coalesce(m.aliases, '[]')"  # noqa: S608
        " FROM networks AS n JOIN network_allocations AS a ON a.network_id = n.id"
        " JOIN containers AS c ON c.id = a.container_id"
        " LEFT JOIN network_memberships AS m ON m.container_id = a.container_id AND m.network_id = a.network_id"
        f" WHERE n.id IN ({_marks(ids)}) AND n.names = 1 AND {_LIVE} ORDER BY a.id",
        ids,
    )
    return [Member(*row) for row in rows]


def networks_of(connection: sqlite3.Connection, container_id: str) -> list[str]:
    """Return the networks with names that a container has an address in."""
    rows = connection.execute(
        "SELECT DISTINCT a.network_id FROM network_allocations AS a CROSS JOIN networks AS n ON n.id = a.network_id"  # noqa: S608
        f" WHERE a.container_id = ? AND n.names = 1 AND {_LIVE} ORDER BY a.network_id",
        (container_id,),
    )
    return [row[0] for row in rows]


def places(connection: sqlite3.Connection, network_ids: Iterable[str]) -> list[Place]:
    """Return all the networks of all live containers that are in one of some networks, or just leave it.

    A container's come one after the other, in its order. Those that keep the /etc/hosts of their image are left out.
    """
    ids = tuple(network_ids)
    rows = connection.execute(
        "WITH here (id) AS MATERIALIZED (SELECT DISTINCT a.container_id FROM network_allocations AS a"  # noqa: S608
        f" WHERE a.network_id IN ({_marks(ids)}) AND a.state <> 'cleaned')"
        " SELECT c.id, c.name, coalesce(c.config ->> '$.hostname', ''), coalesce(c.config -> '$.extra_hosts', '[]'),"
        " a.id, a.network_id, a.ip, coalesce(a.ip6, ''), coalesce(m.aliases, '[]'), n.names,"
        " CASE WHEN n.internal THEN '' ELSE n.gateway END"
        " FROM here CROSS JOIN containers AS c ON c.id = here.id"
        " CROSS JOIN network_allocations AS a ON a.container_id = c.id"
        " CROSS JOIN networks AS n ON n.id = a.network_id"
        " LEFT JOIN network_memberships AS m ON m.container_id = a.container_id AND m.network_id = a.network_id"
        f" WHERE c.state IN ('starting', 'running', 'paused') AND {_LIVE}"
        " AND NOT coalesce(c.config ->> '$.no_hosts', 0) ORDER BY c.id, m.position, a.id",
        ids,
    )
    return [Place(*row) for row in rows]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
