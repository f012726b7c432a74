"""Rows of ``network_allocations``: who has which address, from the start of a container to its end.

Freed addresses come last: the next lease is the next free address after the last one that was leased.
"""

from __future__ import annotations

import time

from quiltctl import errors
from quiltctl.model.document import encode
from quiltctl.model.endpoint import mac_of
from quiltctl.model.subnet import Address, parse_address, parse_subnet
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths


class Lease(Value):
    """An address that a container has, or had, in a network."""

    id: int
    network_id: str
    container_id: str
    ip: str
    ip6: str | None
    mac: str
    host_interface: str
    interface: str
    ports: str
    """JSON: an array of objects with host_ip, host_port, container_port and protocol."""
    state: str
    allocated_at: int
    released_at: int | None
    egress: str | None
    """JSON: an array of destinations."""


_COLUMNS = ", ".join(Lease._fields)


def lease(
    paths: Paths,
    connection: sqlite3.Connection,
    network: Network,
    member: Membership,
    *,
    ports: Sequence[dict[str, Any]] = (),
    egress: Sequence[str] | None = None,
) -> None:
    """Lease an address of a network to a container that is in it, within the caller's transaction.

    ``ports`` are those of the host that lead to it, ``egress`` the destinations allowed, None for all.

    Raises:
        Conflict: the address that it asks for is taken, or no address is left.
        AddressInUse: another container has one of the ports.
    """
    for port in ports:
        owner = port_owner(connection, port["protocol"], port["host_ip"], port["host_port"])
        if owner is not None:
            raise errors.AddressInUse(
                f"port {port['host_port']}/{port['protocol']} is taken by container {_name_of(connection, owner)}:"
                " address already in use",
                hint="stop that container, or publish another port with -p",
            )
    connection.execute(
        "DELETE FROM network_allocations WHERE container_id = ? AND network_id = ? AND state = 'cleaned'",
        (member.container_id, network.id),
    )
    ip, ip6 = _choose(connection, network, member)
    lease_id = connection.execute(
        "INSERT INTO network_allocations"
        " (network_id, container_id, ip, ip6, mac, host_interface, interface, ports, egress, allocated_at)"
        " VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?)",
        (
            *(network.id, member.container_id, ip, ip6, member.mac or mac_of(ip), member.interface),
            *(encode(list(ports)), None if egress is None else encode(list(egress)), time.time_ns()),
        ),
    ).lastrowid
    connection.execute(
        "UPDATE network_allocations SET host_interface = ? WHERE id = ?",
        (paths.host_interface(lease_id or 0), lease_id),
    )


def _choose(connection: sqlite3.Connection, network: Network, member: Membership) -> tuple[str, str | None]:
    """Return addresses that nobody has: those asked for, or the next ones."""
    if member.ip is not None and not _is_free(connection, network, "ip", member.ip):
        raise _taken(connection, network, "ip", member.ip)
    for ip in _following(network) if member.ip is None else (member.ip,):
        if not _is_free(connection, network, "ip", ip):
            continue
        ip6 = None if network.subnet6 is None else member.ip6 or _sibling(network, ip)
        if ip6 is None or _is_free(connection, network, "ip6", ip6):
            if member.ip is None:
                _remember(connection, network, ip)
            return ip, ip6
        if member.ip is not None or member.ip6 is not None:
            raise _taken(connection, network, "ip6", ip6)
    raise errors.Conflict(
        f"no address is left in network {network.name}", hint="remove containers, or make a larger network"
    )


def _remember(connection: sqlite3.Connection, network: Network, ip: str) -> None:
    connection.execute("UPDATE networks SET last_leased = ? WHERE id = ?", (ip, network.id))


def _following(network: Network) -> Iterator[str]:
    """Yield the addresses that may be leased, once each, beginning after the last one that was."""
    subnet = parse_subnet(network.subnet, "subnet")
    first, last = subnet.first + 1, subnet.last - 1
    if network.ip_range is not None:
        first, last = (parse_address(word, "range").number for word in network.ip_range.split("-"))
    begin = first
    if network.last_leased is not None:
        begin = parse_address(network.last_leased, "lease").number + 1
    if not first <= begin <= last:
        begin = first
    for numbers in (range(begin, last + 1), range(first, begin)):
        for number in numbers:
            yield str(Address(number, 4))


def _sibling(network: Network, ip: str) -> str:
    """Return the IPv6 address that goes with an IPv4 one: as far from the beginning of its subnet."""
    subnet, subnet6 = parse_subnet(network.subnet, "subnet"), parse_subnet(network.subnet6 or "", "subnet")
    return str(Address(subnet6.first + parse_address(ip, "lease").number - subnet.first, 6))


def _is_free(connection: sqlite3.Connection, network: Network, column: str, address: str) -> bool:
    gateway = network.gateway if column == "ip" else network.gateway6
    return address != gateway and _holder(connection, network, column, address) is None


def _holder(connection: sqlite3.Connection, network: Network, column: str, address: str) -> str | None:
    row = connection.execute(
        f"SELECT container_id FROM network_allocations WHERE network_id = ? AND {column} = ? AND state <> 'cleaned'",  # noqa: S608
        (network.id, address),
    ).fetchone()
    return None if row is None else str(row[0])


def _taken(connection: sqlite3.Connection, network: Network, column: str, address: str) -> errors.Conflict:
    holder = _holder(connection, network, column, address)
    who = "the network's gateway" if holder is None else f"container {_name_of(connection, holder)}"
    return errors.Conflict(
        f"the address {address} of network {network.name} is taken by {who}", hint="choose another one, or none"
    )


def _name_of(connection: sqlite3.Connection, container_id: str) -> str:
    row = connection.execute("SELECT name FROM containers WHERE id = ?", (container_id,)).fetchone()
    return container_id[:12] if row is None else str(row[0])


def activate(connection: sqlite3.Connection, container_id: str, lease_id: int | None = None) -> None:
    """Note that the container has its addresses, or one of them."""
    connection.execute(
        "UPDATE network_allocations SET state = 'active'"
        " WHERE container_id = ?1 AND (?2 IS NULL OR id = ?2) AND state = 'allocated'",
        (container_id, lease_id),
    )


def release(
    connection: sqlite3.Connection, container_id: str, network_id: str | None = None, *, cleaned: bool = True
) -> None:
    """Return the addresses and ports of a container, of one network or of all.

    Where something in the kernel still leads to them (not ``cleaned``), they wait for gc.
    """
    connection.execute(
        "UPDATE network_allocations SET state = ?1, released_at = ?2 WHERE container_id = ?3"
        " AND (?4 IS NULL OR network_id = ?4) AND state <> 'cleaned' AND state <> ?1",
        ("cleaned" if cleaned else "cleanup_pending", time.time_ns(), container_id, network_id),
    )


def release_leases(connection: sqlite3.Connection, lease_ids: Iterable[int], *, cleaned: bool) -> None:
    """Return these addresses and their ports; the same as ``release`` for leases that are known."""
    state, now = "cleaned" if cleaned else "cleanup_pending", time.time_ns()
    connection.executemany(
        "UPDATE network_allocations SET state = ?1, released_at = ?2"
        " WHERE id = ?3 AND state <> 'cleaned' AND state <> ?1",
        [(state, now, lease_id) for lease_id in lease_ids],
    )


def forget_orphans(connection: sqlite3.Connection) -> None:
    """Delete the leases that are over, of containers that are gone."""
    connection.execute(
        "DELETE FROM network_allocations WHERE state = 'cleaned' AND container_id NOT IN (SELECT id FROM containers)"
    )


def of_network(connection: sqlite3.Connection, network_id: str) -> list[Lease]:
    """Return the leases of a network that are not over, in the order in which they were given."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM network_allocations WHERE network_id = ? AND state <> 'cleaned' ORDER BY id",  # noqa: S608
        (network_id,),
    )
    return [Lease(*row) for row in rows]


def port_owner(connection: sqlite3.Connection, protocol: str, host_ip: str, host_port: int) -> str | None:
    """Return the id of the container that has a port of the host, or of one of its addresses, or None."""
    row = connection.execute(
        "SELECT a.container_id FROM published_ports AS p JOIN network_allocations AS a ON a.id = p.allocation_id"
        " WHERE p.protocol = ?1 AND p.host_port = ?3 AND (?2 = '' OR p.host_ip IN ('', ?2)) LIMIT 1",
        (protocol, host_ip, host_port),
    ).fetchone()
    return None if row is None else str(row[0])


def set_egress(
    connection: sqlite3.Connection, container_id: str, egress: Sequence[str] | None, network_id: str | None = None
) -> None:
    """Write the destinations that a running container may speak to from now on, by one network or by all."""
    connection.execute(
        "UPDATE network_allocations SET egress = ?1"
        " WHERE container_id = ?2 AND (?3 IS NULL OR network_id = ?3) AND state <> 'cleaned'",
        (None if egress is None else encode(list(egress)), container_id, network_id),
    )
