"""Leases together with their networks, as those who make and unmake them in the kernel need them."""

from __future__ import annotations

from quiltctl.model.document import decode
from quiltctl.model.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any


def endpoints_of(connection: sqlite3.Connection, container_id: str) -> tuple[Endpoint, ...]:
    """Return what a container has in its networks now, in its order; empty when it has no lease."""
    return _read(
        connection, f"{_ENDPOINTS} WHERE a.container_id = ? AND {_HELD} ORDER BY m.position, a.id", container_id
    )


def endpoints_of_run(connection: sqlite3.Connection, container_id: str, generation: int) -> tuple[Endpoint, ...]:
    """Return what a container leases in this run of it, if that is still its last and its end is not written."""
    return _read(
        connection,
        f"{_ENDPOINTS} WHERE a.container_id = ?1 AND a.state <> 'cleaned' AND EXISTS (SELECT 1 FROM containers"  # noqa: S608
        " WHERE id = ?1 AND generation = ?2 AND state IN ('starting', 'running', 'paused')) ORDER BY a.id",
        container_id,
        generation,
    )


def endpoint(connection: sqlite3.Connection, lease_id: int) -> Endpoint | None:
    """Return what a lease stands for now, or None when it is over."""
    found = _read(connection, f"{_ENDPOINTS} WHERE a.id = ? AND {_HELD}", lease_id)
    return found[0] if found else None


def endpoints(connection: sqlite3.Connection) -> tuple[Endpoint, ...]:
    """Return what all containers have in their networks now."""
    return _read(connection, f"{_ENDPOINTS} WHERE {_HELD} ORDER BY a.id")


def leftovers(connection: sqlite3.Connection) -> tuple[Endpoint, ...]:
    """Return what is leased although it should be free: its container has ended, or has left the network."""
    return _read(
        connection,
        f"{_ENDPOINTS} LEFT JOIN containers AS c ON c.id = a.container_id"
        " WHERE a.state = 'cleanup_pending' OR a.state <> 'cleaned'"
        " AND (c.id IS NULL OR c.state NOT IN ('starting', 'running', 'paused')) ORDER BY a.id",
    )


def unfinished(connection: sqlite3.Connection, before_ns: int) -> tuple[Endpoint, ...]:
    """Return what containers that run were given before a time, and have not been wired to since."""
    return _read(
        connection,
        f"{_ENDPOINTS} JOIN containers AS c ON c.id = a.container_id"
        " WHERE a.state = 'allocated' AND a.allocated_at < ? AND c.state IN ('running', 'paused') ORDER BY a.id",
        before_ns,
    )


_HELD = "a.state IN ('allocated', 'active')"
_ENDPOINTS = (
    "SELECT a.id, a.container_id, n.name, n.bridge, n.subnet, n.gateway, coalesce(n.subnet6, ''),"
    " coalesce(n.gateway6, ''), n.mtu, n.nat, n.internal, a.host_interface, a.interface, a.ip, coalesce(a.ip6, ''),"
    " a.mac, a.ports, a.egress, n.id, n.names"
    " FROM network_allocations AS a JOIN networks AS n ON n.id = a.network_id"
    " LEFT JOIN network_memberships AS m ON m.container_id = a.container_id AND m.network_id = a.network_id"
)


def _read(connection: sqlite3.Connection, query: str, *values: object) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(row) for row in connection.execute(query, values))


def _endpoint(row: Sequence[Any]) -> Endpoint:
    facts = dict(zip(Endpoint._fields, row, strict=True))
    for flag in ("nat", "internal", "names"):
        facts[flag] = bool(facts[flag])
    facts["ports"] = tuple(decode(facts["ports"]))
    facts["egress"] = None if facts["egress"] is None else tuple(decode(facts["egress"]))
    return Endpoint(**facts)
