"""One end of a container in a network, as it is handed from the database to those who make and unmake it."""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Endpoint(Value):
    """A lease together with the network it is of. Made of plain fields: it travels in the shim's order."""

    lease_id: int
    container_id: str
    network: str
    """The network's name."""
    bridge: str
    subnet: str
    gateway: str
    subnet6: str
    gateway6: str
    """Empty without IPv6."""
    mtu: int
    """0 is that of the bridge."""
    nat: bool
    internal: bool
    host_interface: str
    interface: str
    ip: str
    ip6: str
    mac: str
    ports: tuple[dict[str, Any], ...]
    """Each: host_ip (empty: all), host_port, container_port, protocol."""
    egress: tuple[str, ...] | None
    """The destinations that it may speak to, as ``CIDR[:PORT[-PORT][/PROTOCOL]]``; None is all, () is none."""
    network_id: str = ""
    names: bool = False
    """Whether the containers of the network find each other by name."""


class Wire(Value):
    """What of a network its bridge and the firewall are made by; an endpoint has these fields as well."""

    bridge: str
    subnet: str
    subnet6: str
    """Empty without IPv6."""
    nat: bool
    internal: bool
    network: str = ""
    gateway: str = ""
    gateway6: str = ""
    mtu: int = 0


def routed(endpoints: tuple[Endpoint, ...]) -> Endpoint | None:
    """Return the one that leads out, and by which ports come in: the first that is not internal."""
    return next((endpoint for endpoint in endpoints if not endpoint.internal), None)


def mac_of(ip: str) -> str:
    """Return the hardware address that goes with an IPv4 address: who gets the address later has the same one.

    So no neighbour's cache is ever wrong (RFC 826). 02 is locally administered, unicast.
    """
    return "02:42:" + ":".join(f"{int(byte):02x}" for byte in ip.split("."))
