"""Containers in networks, as the database has them: nothing of it is made in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiltctl.db import leases, memberships, networks
from quiltctl.db.memberships import Membership
from quiltctl.db.networks import Network
from quiltctl.model.document import encode

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
