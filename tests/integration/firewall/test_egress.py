"""What a container with an egress policy can send: what the policy names, from its own address, and answers."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.network import firewall

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")


def test_denied_container_reaches_nothing(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """No neighbour, no service of the host, no port of another container, nothing outside; and it learns it at once."""
    town.start(3, ports=(published(8080, 80),)).serve(80)
    for space in (town.outside, town.host):
        space.serve(9)
        space.serve(9, kind="udp")
    container = town.start(2, egress=())
    for address, number in (
        ("10.42.0.3", 80),
        ("fd00:42::3", 80),
        (netns.HOST, 9),
        ("10.42.0.1", 9),
        (netns.HOST6, 9),
        (netns.HOST, 8080),
        (netns.OUTSIDE, 9),
        (netns.OUTSIDE6, 9),
    ):
        assert container.fetch(address, number) == "refused", address
    assert container.fetch(netns.OUTSIDE, 9, kind="udp") == "unreachable"
    assert container.fetch(netns.HOST, 9, kind="udp") == "unreachable"


def test_denied_container_answers(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """Its published port from outside and from the host, and what neighbours ask of it, by IPv4 and IPv6."""
    container = town.start(2, ports=(published(8080, 80),), egress=())
    container.serve(80, "web")
    container.serve(53, "dns", kind="udp")
    neighbour = town.start(3)
    assert town.outside.fetch(netns.HOST, 8080) == f"web {netns.OUTSIDE}"
    assert town.outside.fetch(netns.HOST6, 8080) == f"web {netns.OUTSIDE6}"
    assert town.host.fetch("127.0.0.1", 8080) == "web 10.42.0.1"
    assert neighbour.fetch("10.42.0.2", 80) == "web 10.42.0.3"
    assert neighbour.fetch("fd00:42::2", 80) == "web fd00:42::3"
    assert neighbour.fetch("10.42.0.2", 53, kind="udp") == "dns 10.42.0.3"
    assert neighbour.fetch("10.42.0.2", 54, kind="udp") == "refused"
    assert neighbour.fetch("fd00:42::2", 54, kind="udp") == "refused"


def test_allowed_destinations_are_reached_and_no_others(town: Any, netns: ModuleType) -> None:
    """By subnet, by ports, by protocol; the subnets may overlap."""
    for number in (80, 81, 82, 99):
        town.outside.serve(number)
        town.outside.serve(number, kind="udp")
    neighbour = town.start(3)
    neighbour.serve(80)
    allowed = ("192.0.2.0/24:80-81/tcp", "192.0.0.0/16:81/tcp", "192.0.2.2/32:99", "[2001:db8::/64]:82", "10.42.0.3/32")
    container = town.start(2, egress=allowed)

    def reached(address: str, number: int, kind: str) -> bool:
        answer: str = container.fetch(address, number, kind=kind)
        assert answer in {netns.HOST, netns.HOST6, "refused", "unreachable"}
        return answer in {netns.HOST, netns.HOST6}

    assert {n for n in (80, 81, 82, 99) if reached(netns.OUTSIDE, n, "tcp")} == {80, 81, 99}
    assert {n for n in (80, 81, 82, 99) if reached(netns.OUTSIDE, n, "udp")} == {99}
    assert {n for n in (80, 82) if reached(netns.OUTSIDE6, n, "tcp")} == {82}
    assert container.fetch("10.42.0.3", 80) == "10.42.0.2"
    assert container.fetch("fd00:42::3", 80) == "refused"


def test_everything_may_be_allowed(town: Any, netns: ModuleType) -> None:
    """``all`` still binds the container to its address."""
    container = town.start(2, egress=("0.0.0.0/0", "::/0"))
    town.outside.serve(9)
    assert container.fetch(netns.OUTSIDE, 9) == netns.HOST
    assert container.fetch(netns.OUTSIDE6, 9) == netns.HOST6
    container.ip("addr add 10.42.0.99/16 dev eth0")
    assert container.fetch(netns.OUTSIDE, 9, source="10.42.0.99") == "timeout"


@pytest.mark.parametrize(
    ("egress", "answer"), [(("192.0.2.2/32/icmp",), True), (("192.0.2.2/32",), True), (("192.0.2.2/32:7",), False)]
)
def test_echo_request_needs_a_destination_without_ports(
    town: Any, netns: ModuleType, egress: tuple[str, ...], *, answer: bool
) -> None:
    """A whole address, or its ICMP alone, lets a ping pass; a port does not."""
    container = town.start(2, egress=egress)
    seen = container.call(lambda: ping(netns.OUTSIDE))
    assert seen is answer


def ping(address: str) -> bool:
    """Return whether somebody answers an echo request."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.getprotobyname("icmp")) as raw:
        raw.settimeout(1)
        raw.connect((address, 0))
        raw.send(struct.pack("!BBHHH", 8, 0, 0xF7FE, 0, 1))
        try:
            return raw.recv(100)[20] == 0
        except OSError:
            return False


def test_change_ends_what_it_forbids(town: Any, netns: ModuleType) -> None:
    """Also in the midst of a connection; who has called the container keeps talking to it."""
    before = town.endpoint(2, egress=("192.0.2.0/24:9",))
    container = town.start(2, egress=before.egress)
    with (
        town.outside.socket(socket.AF_INET, socket.SOCK_STREAM) as server,
        container.socket(socket.AF_INET, socket.SOCK_STREAM) as client,
        container.socket(socket.AF_INET, socket.SOCK_STREAM) as own_server,
        town.host.socket(socket.AF_INET, socket.SOCK_STREAM) as caller,
    ):
        for listener in (server, own_server):
            listener.bind(("0.0.0.0", 9))  # noqa: S104 (of a namespace)
            listener.listen()
        client.connect((netns.OUTSIDE, 9))
        caller.connect(("10.42.0.2", 9))
        peer, _ = server.accept()
        answerer, _ = own_server.accept()
        with peer, answerer:
            for one in (peer, answerer):
                one.settimeout(1)
            client.send(b"before")
            assert peer.recv(10) == b"before"
            town.do(firewall.change_egress, before, ("192.0.2.0/24:10",))
            client.send(b"after")
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            answerer.send(b"still")
            assert caller.recv(10) == b"still"


def test_change_opens_what_it_allows(town: Any, netns: ModuleType) -> None:
    """And None lifts the policy altogether, with all that was made for it."""
    town.outside.serve(9)
    container = town.start(2, egress=())
    assert container.fetch(netns.OUTSIDE, 9) == "refused"
    town.do(firewall.change_egress, town.endpoint(2, egress=()), ("192.0.2.0/24:9",))
    assert container.fetch(netns.OUTSIDE, 9) == netns.HOST
    assert container.fetch(netns.OUTSIDE6, 9) == "refused"
    town.do(firewall.change_egress, town.endpoint(2, egress=("192.0.2.0/24:9",)), None)
    assert container.fetch(netns.OUTSIDE6, 9) == netns.HOST6
    assert "only-" not in town.ruleset()


def test_policy_holds_one_container_alone(town: Any, netns: ModuleType) -> None:
    """Its neighbour on the bridge, which is filtered from then on, goes where it likes."""
    town.start(2, egress=())
    neighbour, third = town.start(3), town.start(4)
    town.outside.serve(9)
    third.serve(80)
    assert neighbour.fetch(netns.OUTSIDE, 9) == netns.HOST
    assert neighbour.fetch("10.42.0.4", 80) == "10.42.0.3"
    assert neighbour.fetch("fd00:42::4", 80) == "fd00:42::3"
