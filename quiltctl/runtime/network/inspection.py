"""Whether the bridges of living containers are as they were made, by what pyroute2 sees, and making them so again."""

from __future__ import annotations

from quiltctl.model.subnet import parse_subnet
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from quiltctl.model.endpoint import Endpoint

_UP = 1


class Lost(Value):
    """A bridge that somebody has removed, switched off, stripped of its address, or whose ports are loose."""

    endpoints: tuple[Endpoint, ...]
    """Those of its network."""
    loose: tuple[str, ...]
    """Interfaces that are ports of nothing, or of another bridge."""

    @property
    def bridge(self) -> str:
        """Return its name."""
        return self.endpoints[0].bridge


def find_lost(endpoints: Sequence[Endpoint]) -> list[Lost]:
    """Return the bridges of these endpoints that do not carry their traffic any more."""
    if not endpoints:
        return []
    links, addresses = _read()
    by_bridge: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_bridge.setdefault(endpoint.bridge, []).append(endpoint)
    found = []
    for bridge, ours in by_bridge.items():
        link = links.get(bridge)
        index = link["index"] if link is not None else 0
        wires = [links[each.host_interface] for each in ours if each.host_interface in links]
        loose = tuple(wire.get_attr("IFLA_IFNAME") for wire in wires if wire.get_attr("IFLA_MASTER") != index)
        first = ours[0]
        wanted = {(first.gateway, parse_subnet(first.subnet, "subnet").prefix)}
        if first.subnet6:
            wanted.add((first.gateway6, parse_subnet(first.subnet6, "subnet").prefix))
        if link is None or not link["flags"] & _UP or not wanted <= addresses.get(index, set()) or loose:
            found.append(Lost(tuple(ours), loose))
    return found


def mend(lost: Lost) -> None:
    """Make the bridge anew where it is missing, give it its address, and put its loose ports back.

    Raises:
        OSError: the kernel refuses something.
        Conflict: its subnet is another one's by now.
    """
    from quiltctl.runtime.linux import netlink
    from quiltctl.runtime.network import attach

    host = netlink.open_socket()
    try:
        attach.ensure_bridge(host, lost.endpoints[0])
        index = netlink.index_of(host, lost.bridge)
        netlink.ask(host, [netlink.raise_link(index)])
        netlink.ask(host, [netlink.set_master(name, index) for name in lost.loose])
    finally:
        host.close()


def _read() -> tuple[dict[str, Any], dict[int, set[tuple[str, int]]]]:
    """Return the interfaces by name, and by index the addresses with their prefixes."""
    from pyroute2 import IPRoute  # 175 ms, which only gc pays, and only while networks are in use

    addresses: dict[int, set[tuple[str, int]]] = {}
    with IPRoute() as ip:
        links = {link.get_attr("IFLA_IFNAME"): link for link in ip.get_links()}
        for address in ip.get_addr():
            pair = (address.get_attr("IFA_ADDRESS"), address["prefixlen"])
            addresses.setdefault(address["index"], set()).add(pair)
    return links, addresses
