"""What `network ls` and `network inspect` show of a network, in podman's shape."""

from __future__ import annotations

from quiltctl.model.document import Keyed, decode
from quiltctl.model.subnet import parse_subnet
from quiltctl.model.value import Value
from quiltctl.ui.ago import ago, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from quiltctl.db.containers import Container
    from quiltctl.db.leases import Lease
    from quiltctl.db.networks import Network

_SHORT = 12
_DRIVER = "bridge"
_GO_NAMES = {
    "DNSEnabled": "dns_enabled",
    "EndIP": "end_ip",
    "ID": "id",
    "IPAMOptions": "ipam_options",
    "IPNet": "ipnet",
    "IPv6Enabled": "ipv6_enabled",
    "LeaseRange": "lease_range",
    "MacAddress": "mac_address",
    "NetworkDNSServers": "network_dns_servers",
    "NetworkInterface": "network_interface",
    "StartIP": "start_ip",
}


class GoNamed(dict[str, "Any"]):
    """A dict with the keys of podman's JSON, of which templates ask by the names that its Go code has."""

    __slots__ = ()

    def __missing__(self, name: str) -> Any:
        key = _GO_NAMES.get(name, name.lower())
        if key not in self:
            raise KeyError(name)
        return self[key]


class Row(Value):
    """One line of the listing."""

    network: Network
    config: dict[str, Any]
    """Labels, options, dns and egress."""
    containers: tuple[str, ...]
    """The names of those that are in it, whether they run or not."""
    whole: bool
    """Whether ids are shown whole."""


FIELDS: dict[str, Callable[[Row], Any]] = {
    "ID": lambda row: row.network.id if row.whole else row.network.id[:_SHORT],
    "Name": lambda row: row.network.name,
    "Driver": lambda _: _DRIVER,
    "Scope": lambda _: "local",
    "Labels": lambda row: Keyed(row.config["labels"]),
    "Options": lambda row: Keyed(row.config["options"]),
    "Internal": lambda row: bool(row.network.internal),
    "IPv6": lambda row: row.network.subnet6 is not None,
    "IPv6Enabled": lambda row: row.network.subnet6 is not None,
    "DNSEnabled": lambda row: bool(row.network.names),
    "NetworkInterface": lambda row: row.network.bridge,
    "NetworkDNSServers": lambda row: row.config["dns"],
    "Subnets": lambda row: [subnet["subnet"] for subnet in _subnets(row.network)],
    "Created": lambda row: ago(row.network.created_at),
    "CreatedAt": lambda row: timestamp(row.network.created_at),
    "Containers": lambda row: list(row.containers),
}


def config_of(network: Network) -> dict[str, Any]:
    """Return labels, options, dns and egress of a network, whoever has written it."""
    return {"labels": {}, "options": {}, "dns": [], "egress": None, **decode(network.config)}


def network_document(network: Network) -> GoNamed:
    """Return the complete shape that --json prints, without the containers."""
    config = config_of(network)
    return GoNamed(
        {
            "name": network.name,
            "id": network.id,
            "driver": _DRIVER,
            "network_interface": network.bridge,
            "created": timestamp(network.created_at),
            "subnets": _subnets(network),
            "ipv6_enabled": network.subnet6 is not None,
            "internal": bool(network.internal),
            "dns_enabled": bool(network.names),
            "network_dns_servers": config["dns"],
            "labels": Keyed(config["labels"]),
            "options": Keyed(config["options"]),
            "ipam_options": Keyed({"driver": "host-local"}),
            "nat": bool(network.nat),
            "mtu": network.mtu,
            "egress": config["egress"],
        }
    )


def containers_in(network: Network, found: Iterable[tuple[Container, Lease]]) -> Keyed:
    """Return what inspect shows of the containers that run in a network, by their ids."""
    return Keyed(
        {
            container.id: GoNamed(
                {
                    "name": container.name,
                    "interfaces": Keyed(
                        {lease.interface: GoNamed({"subnets": _ends(network, lease), "mac_address": lease.mac})}
                    ),
                }
            )
            for container, lease in found
        }
    )


def _subnets(network: Network) -> list[GoNamed]:
    lease_range = None
    if network.ip_range is not None:
        first, _, last = network.ip_range.partition("-")
        lease_range = GoNamed({"start_ip": first, "end_ip": last})
    found = [GoNamed({"subnet": network.subnet, "gateway": network.gateway, "lease_range": lease_range})]
    if network.subnet6 is not None:
        found.append(GoNamed({"subnet": network.subnet6, "gateway": network.gateway6, "lease_range": None}))
    return found


def _ends(network: Network, lease: Lease) -> list[GoNamed]:
    pairs = ((lease.ip, network.subnet, network.gateway), (lease.ip6, network.subnet6, network.gateway6))
    return [
        GoNamed({"ipnet": f"{ip}/{parse_subnet(subnet, 'subnet').prefix}", "gateway": gateway})
        for ip, subnet, gateway in pairs
        if ip and subnet
    ]
