"""Who reaches whom, tried with real packets: by NAT, by published ports, and between networks."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.network import firewall

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")


@pytest.fixture(autouse=True, params=[False, True], ids=["routed", "filtered"])
def _bridges(town: Any, request: pytest.FixtureRequest) -> None:
    """Do each without and with br_netfilter, which shows the firewall what a bridge passes on."""
    town.filter_all_bridges(on=request.param)


def test_container_reaches_the_outside_in_the_host_s_name(town: Any, netns: ModuleType) -> None:
    """By IPv4 and IPv6: nobody outside needs a way to the container's own address."""
    container = town.start(2)
    town.outside.serve(9)
    assert container.fetch(netns.OUTSIDE, 9) == netns.HOST
    assert container.fetch(netns.OUTSIDE6, 9) == netns.HOST6


def test_network_without_nat_keeps_its_addresses(town: Any, netns: ModuleType) -> None:
    """Who is outside sees the container, and has to know the way back."""
    endpoint = town.endpoint(2, nat=False)
    container = town.attach(endpoint)
    town.do(firewall.ensure, [endpoint])
    town.outside.serve(9)
    town.outside.ip(f"route add 10.42.0.0/16 via {netns.HOST}")
    assert container.fetch(netns.OUTSIDE, 9) == "10.42.0.2"


def test_published_port_is_reached_from_everywhere(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """From outside, the host, its localhost, a neighbour, another network, and the container itself."""
    container = town.start(2, ports=(published(8080, 80),))
    container.serve(80, "web")
    neighbour, other = town.start(3), town.start(4, "other")
    assert town.outside.fetch(netns.HOST, 8080) == f"web {netns.OUTSIDE}"
    assert town.host.fetch(netns.HOST, 8080).startswith("web ")
    assert town.host.fetch("127.0.0.1", 8080) == "web 10.42.0.1"
    assert neighbour.fetch(netns.HOST, 8080) == "web 10.42.0.1"
    assert neighbour.fetch("10.42.0.1", 8080) == "web 10.42.0.1"
    assert other.fetch(netns.HOST, 8080) == "web 10.89.1.4"
    assert container.fetch(netns.HOST, 8080) == "web 10.42.0.1"


def test_published_port_is_reached_by_ipv6(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """But not by ::1, which no kernel routes: that is refused at once, so that a client tries 127.0.0.1."""
    container = town.start(2, ports=(published(8080, 80), published(8086, 80, host_ip=netns.HOST6)))
    container.serve(80, "web")
    neighbour = town.start(3)
    for host_port in (8080, 8086):
        assert town.outside.fetch(netns.HOST6, host_port) == f"web {netns.OUTSIDE6}"
        assert town.host.fetch(netns.HOST6, host_port).startswith("web ")
        assert neighbour.fetch(netns.HOST6, host_port) == "web fd00:42::1"
        assert container.fetch(netns.HOST6, host_port) == "web fd00:42::1"
    assert town.host.fetch("::1", 8080) == "refused"
    assert town.outside.fetch(netns.HOST, 8086) == "refused"


def test_published_port_of_udp_is_another_than_that_of_tcp(
    town: Any, netns: ModuleType, published: Callable[..., Any]
) -> None:
    """One number, two protocols, two containers."""
    town.start(2, ports=(published(53, 5353, "udp"),)).serve(5353, "udp", kind="udp")
    container = town.start(3, ports=(published(53, 5353, "tcp"),))
    container.serve(5353, "tcp")
    assert town.outside.fetch(netns.HOST, 53, kind="udp") == f"udp {netns.OUTSIDE}"
    assert town.outside.fetch(netns.HOST, 53) == f"tcp {netns.OUTSIDE}"
    assert town.host.fetch("127.0.0.1", 53, kind="udp") == "udp 10.42.0.1"
    assert container.fetch(netns.HOST, 53, kind="udp").startswith("udp ")


def test_port_of_one_address_is_not_on_another(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """Two containers have the same port of two addresses, and a third one that of localhost."""
    for number, address in ((2, netns.HOST), (3, netns.HOST_OTHER), (4, "127.0.0.1")):
        town.start(number, ports=(published(8080, 80, host_ip=address),)).serve(80, f"{number}")
    assert town.outside.fetch(netns.HOST, 8080) == f"2 {netns.OUTSIDE}"
    assert town.outside.fetch(netns.HOST_OTHER, 8080) == f"3 {netns.OUTSIDE}"
    assert town.host.fetch("127.0.0.1", 8080) == "4 10.42.0.1"
    assert town.host.fetch("10.42.0.1", 8080) == "refused"


def test_networks_are_closed_to_each_other(town: Any) -> None:
    """Neighbours reach each other; containers of two networks are refused, at once."""
    one, two, three = town.start(2), town.start(3), town.start(4, "other")
    for container in (one, two, three):
        container.serve(80, "me")
    assert one.fetch("10.42.0.3", 80) == "me 10.42.0.2"
    assert one.fetch("fd00:42::3", 80) == "me fd00:42::2"
    assert one.fetch("10.89.1.4", 80) == "refused"
    assert three.fetch("10.42.0.2", 80) == "refused"
    assert town.host.fetch("10.89.1.4", 80).startswith("me ")


def test_unsolicited_packets_from_outside_end_at_the_host(
    town: Any, netns: ModuleType, published: Callable[..., Any]
) -> None:
    """Who is outside and knows the way to a container gets no answer, not even at a port that is published."""
    container = town.start(2, ports=(published(8080, 80),))
    container.serve(80, "web")
    town.outside.ip(f"route add 10.42.0.0/16 via {netns.HOST}", f"route add fd00:42::/64 via {netns.HOST6}")
    assert town.outside.fetch("10.42.0.2", 80) == "timeout"
    assert town.outside.fetch("fd00:42::2", 80) == "timeout"
    assert town.outside.fetch(netns.HOST, 8080) == f"web {netns.OUTSIDE}"


def test_internal_network_is_closed(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """Neighbours reach each other; nothing else does, and the host alone may ask."""
    one, two, stranger = town.start(2, "inner"), town.start(3, "inner"), town.start(4)
    town.start(5, ports=(published(8080, 80),)).serve(80, "web")
    two.serve(80, "two")
    town.outside.serve(9)
    town.host.serve(22, "ssh")
    town.outside.ip(f"route add 10.89.2.0/24 via {netns.HOST}")
    assert one.fetch("10.89.2.3", 80) == "two 10.89.2.2"
    for address, number in ((netns.OUTSIDE, 9), (netns.HOST, 22), ("10.89.2.1", 22), (netns.HOST, 8080)):
        assert one.fetch(address, number) == "refused", (address, number)
    assert stranger.fetch("10.89.2.3", 80) == "refused"
    assert town.outside.fetch("10.89.2.3", 80) == "timeout"
    assert town.host.fetch("10.89.2.3", 80) == "two 10.89.2.1"


def test_localhost_of_the_host_is_out_of_reach(town: Any, published: Callable[..., Any]) -> None:
    """Also while localhost leads to a container: that opens a way for 127.0.0.0/8 over the bridge (CVE-2020-8558)."""
    container = town.start(2, ports=(published(8080, 80),))
    town.host.serve(22, "ssh", address="127.0.0.1")
    town.host.serve(23, "telnet")
    container.ip("addr del 127.0.0.1/8 dev lo", "route add 127.0.0.0/8 via 10.42.0.1 dev eth0")
    container.write("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1")
    assert container.fetch("127.0.0.1", 22, source="10.42.0.2") == "timeout"
    assert container.fetch("10.42.0.1", 23) == "telnet 10.42.0.2"
    container.ip("addr add 127.9.9.9/32 dev eth0")
    with town.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("10.42.0.1", 24))
        container.fetch("10.42.0.1", 24, kind="udp", source="127.9.9.9")
        heard.setblocking(False)
        with pytest.raises(BlockingIOError):
            heard.recv(10)
        container.fetch("10.42.0.1", 24, kind="udp")
        assert heard.recv(10) == b"?"
