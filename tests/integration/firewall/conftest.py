"""A host with three networks, containers in them, and the firewall of one root: all in namespaces of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.model.endpoint import Endpoint, Wire, mac_of
from quiltctl.paths import Paths
from quiltctl.runtime.network import firewall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

PATHS = Paths("/quilt-test-firewall")
SUBNETS = {"open": ("10.42.0", "/16", "fd00:42::"), "other": ("10.89.1", "/24", ""), "inner": ("10.89.2", "/24", "")}


def port(host_port: int, container_port: int, protocol: str = "tcp", host_ip: str = "") -> dict[str, Any]:
    """Return a published port, as endpoints have them."""
    return {"host_ip": host_ip, "host_port": host_port, "container_port": container_port, "protocol": protocol}


class Town:
    """The host of a world, its networks ``open``, ``other`` and ``inner``, which is internal, and their containers."""

    def __init__(self, world: Any) -> None:
        self.world, self.host, self.outside = world, world.host, world.outside
        for network, (ip, prefix, ip6) in SUBNETS.items():
            world.bridge(self.bridge(network), f"{ip}.1{prefix}", *([f"{ip6}1/64"] if ip6 else ()))

    def bridge(self, network: str) -> str:
        """Return the name of a network's bridge."""
        return PATHS.bridge(list(SUBNETS).index(network))

    def wire(self, network: str) -> Wire:
        """Return what the firewall goes by of a network."""
        ip, prefix, ip6 = SUBNETS[network]
        first = f"{ip}.0{prefix}" if prefix == "/24" else "10.42.0.0/16"
        return Wire(self.bridge(network), first, f"{ip6}/64" if ip6 else "", True, network == "inner")

    def endpoint(self, number: int, network: str = "open", **facts: Any) -> Endpoint:
        """Return the endpoint of a container, its number the end of its address; ``facts`` are its ports and egress."""
        ip, _, ip6 = SUBNETS[network]
        given = {
            **self.wire(network).to_dict(),
            "lease_id": number,
            "container_id": f"{number}" * 64,
            "network": network,
            "mtu": 0,
            "gateway": f"{ip}.1",
            "gateway6": ip6 and f"{ip6}1",
            "ip": f"{ip}.{number}",
            "ip6": ip6 and f"{ip6}{number}",
            "mac": mac_of(f"{ip}.{number}"),
            "interface": "eth0",
            "host_interface": PATHS.host_interface(number),
            "ports": (),
            "egress": None,
            **facts,
        }
        return Endpoint(**given)

    def attach(self, endpoint: Endpoint) -> Any:
        """Return a namespace that stands for the endpoint's container."""
        _, prefix, _ = SUBNETS[endpoint.network]
        addresses = [f"{endpoint.ip}{prefix}", *([f"{endpoint.ip6}/64"] if endpoint.ip6 else ())]
        gateways = tuple(gateway for gateway in (endpoint.gateway, endpoint.gateway6) if gateway)
        return self.world.container(endpoint.bridge, endpoint.host_interface, endpoint.mac, *addresses, via=gateways)

    def start(self, number: int, network: str = "open", **facts: Any) -> Any:
        """Return a namespace in which a container would run by now, as a start attaches it to its network."""
        endpoint = self.endpoint(number, network, **facts)
        space = self.attach(endpoint)
        self.do(firewall.ensure, [endpoint])
        self.do(firewall.admit, endpoint)
        return space

    def do(self, act: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Return what a function of the firewall returns on this host."""
        return self.host.call(lambda: act(PATHS, *values, **named))

    def ruleset(self) -> str:
        """Return all rules of the host, as nft lists them."""
        listed: str = self.host.run("nft", "list", "ruleset")
        return listed

    def filter_all_bridges(self, *, on: bool) -> None:
        """Set what br_netfilter does for every bridge; 1 is its default where it is loaded."""
        for kind in ("iptables", "ip6tables"):
            self.host.write(f"/proc/sys/net/bridge/bridge-nf-call-{kind}", str(int(on)))


@pytest.fixture
def town(netns: ModuleType) -> Iterator[Town]:
    """Give a host with networks; br_netfilter leaves its bridges alone."""
    with netns.World() as world:
        made = Town(world)
        made.filter_all_bridges(on=False)
        yield made


@pytest.fixture
def published() -> Callable[..., dict[str, Any]]:
    """Return ``port``."""
    return port
