"""What `inspect` shows of a container's networks: intent while it is stopped, addresses and ports while it lives."""

from __future__ import annotations

from quiltctl.db import lease_views, memberships, networks
from quiltctl.db.document import decode
from quiltctl.model.document import Keyed
from quiltctl.model.subnet import parse_subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from typing import Any

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec


def network_settings(connection: sqlite3.Connection, container_id: str, spec: Spec, *, live: bool) -> dict[str, Any]:
    """Return the addresses and ports that a container has now, and its networks; without ``live`` it has none.

    The addresses at the top are those of its first network.
    """
    endpoints = lease_views.endpoints_of(connection, container_id) if live else ()
    by_network = {endpoint.network: endpoint for endpoint in endpoints}
    found = Keyed()
    for member in memberships.of_container(connection, container_id):
        network = networks.get(connection, member.network_id)
        if network is not None:
            found[network.name] = _network(connection, network, member, by_network.get(network.name))
    ports = [port for endpoint in endpoints for port in endpoint.ports]
    return {
        **_addresses(endpoints[0] if endpoints else None),
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": bindings(ports, spec.expose) if live else Keyed(),
        "Networks": found,
    }


def bindings(ports: Iterable[dict[str, Any]], exposed: Iterable[str] = ()) -> Keyed:
    """Return by ``PORT/PROTOCOL`` of the container where of the host it is published, null for what is exposed alone.

    A port of the host that is yet to be chosen is empty.
    """
    found = Keyed()
    for port in ports:
        host_port = str(port["host_port"] or "")
        found.setdefault(f"{port['container_port']}/{port['protocol']}", []).append(
            {"HostIp": port["host_ip"], "HostPort": host_port}
        )
    for word in exposed:
        found.setdefault(word, None)
    return found


def _network(
    connection: sqlite3.Connection, network: Network, member: Membership, endpoint: Endpoint | None
) -> dict[str, Any]:
    asked = {
        **({"IPv4Address": member.ip} if member.ip else {}),
        **({"IPv6Address": member.ip6} if member.ip6 else {}),
    }
    return {
        **_addresses(endpoint),
        "NetworkID": network.id,
        "DriverOpts": None,
        "IPAMConfig": asked or None,
        "Links": None,
        "Aliases": decode(connection, member.aliases),
    }


def _addresses(endpoint: Endpoint | None) -> dict[str, Any]:
    if endpoint is None:
        return {
            "EndpointID": "",
            "Gateway": "",
            "IPAddress": "",
            "IPPrefixLen": 0,
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": "",
        }
    return {
        "EndpointID": endpoint.host_interface,
        "Gateway": "" if endpoint.internal else endpoint.gateway,
        "IPAddress": endpoint.ip,
        "IPPrefixLen": parse_subnet(endpoint.subnet, "subnet").prefix,
        "IPv6Gateway": endpoint.gateway6 if endpoint.ip6 and not endpoint.internal else "",
        "GlobalIPv6Address": endpoint.ip6,
        "GlobalIPv6PrefixLen": parse_subnet(endpoint.subnet6, "subnet").prefix if endpoint.ip6 else 0,
        "MacAddress": endpoint.mac,
    }
