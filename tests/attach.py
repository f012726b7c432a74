"""Containers in networks, as the database has them: nothing of it is made in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiltctl.db import leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.db.memberships import Membership
from quiltctl.db.networks import Network
from quiltctl.model.document import encode
from quiltctl.runtime.lifecycle import create_network

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.paths import Paths


def add_network(connection: sqlite3.Connection, name: str, *, ip6: bool = False, internal: bool = False) -> Network:
    """Return the network of a name; it is made when it is not there, the first with 10.89.1.0/24."""
    found = networks.named(connection, name)
    if found is None:
        number = len(networks.list_all(connection)) + 1
        found = Network(
            id=f"{number:064x}",
            name=name,
            bridge=f"b{number}",
            subnet=f"10.89.{number}.0/24",
            gateway=f"10.89.{number}.1",
            subnet6=f"fd00:{number}::/64" if ip6 else None,
            gateway6=f"fd00:{number}::1" if ip6 else None,
            internal=int(internal),
            config="{}",
            created_at=number,
            ip_range=None,
            nat=1,
            names=1,
            mtu=0,
            last_leased=None,
        )
        networks.insert(connection, found)
    return found


def join(connection: sqlite3.Connection, container_id: str, network: Network, **given: Any) -> Membership:
    """Put a container into a network, behind those that it is in."""
    position = len(memberships.of_container(connection, container_id))
    wanted = {"interface": f"eth{position}", "ip": None, "ip6": None, "mac": None, "aliases": (), **given}
    wanted["aliases"] = encode(wanted["aliases"])
    member = Membership(container_id=container_id, network_id=network.id, position=position, **wanted)
    memberships.insert(connection, member)
    return member


def attach(
    paths: Paths,
    connection: sqlite3.Connection,
    container_id: str,
    name: str,
    *,
    ports: Sequence[dict[str, Any]] = (),
    ip6: bool = False,
    internal: bool = False,
    **given: Any,
) -> None:
    """Put a container into the network of a name, and lease it an address there."""
    network = add_network(connection, name, ip6=ip6, internal=internal)
    leases.lease(paths, connection, network, join(connection, container_id, network, **given), ports=ports)
    leases.activate(connection, container_id)


def port(host_port: int, container_port: int, protocol: str = "tcp", host_ip: str = "") -> dict[str, Any]:
    """Return a published port."""
    return {"host_ip": host_ip, "host_port": host_port, "container_port": container_port, "protocol": protocol}


def add_app(paths: Paths, connection: sqlite3.Connection) -> Network:
    """Make the network app, 10.7.0.0/24 and fd00:7::/64, as `network create` makes it."""
    with transaction(connection):
        return create_network.create(paths, connection, "app", routes=(), subnet="10.7.0.0/24", subnet6="fd00:7::/64")


def add_back(paths: Paths, connection: sqlite3.Connection) -> Network:
    """Make the network back, 10.8.0.0/24, behind whose policy there is one destination alone."""
    with transaction(connection):
        return create_network.create(paths, connection, "back", routes=(), subnet="10.8.0.0/24", egress=("10.0.0.0/8",))


def network_events(connection: sqlite3.Connection) -> list[str]:
    """Return what was told of networks after they were made."""
    rows = connection.execute(
        "SELECT action, name FROM events WHERE kind = 'network' AND action <> 'create' ORDER BY seq"
    )
    return [f"{action} {name}" for action, name in rows]


def memberships_of(connection: sqlite3.Connection, container_id: str) -> list[tuple[Any, ...]]:
    """Return the memberships of a container, without the ids."""
    return [tuple(member.to_dict().values())[2:] for member in memberships.of_container(connection, container_id)]


def lease_states(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return every address that was leased, with what has become of the lease."""
    return [tuple(row) for row in connection.execute("SELECT ip, state FROM network_allocations ORDER BY id")]
