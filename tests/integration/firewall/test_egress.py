"""What a container with an egress policy can send: what the policy names, from its own address, and answers."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.endpoint import mac_of
from quiltctl.runtime.network import firewall

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

pytestmark = pytest.mark.needs("root", "nft", "br_netfilter")
ETH_P_ALL, VLAN, ARP = 3, 0x8100, 0x0806


def packet_socket(space: Any) -> socket.socket:
    """Return a socket that sends and receives whole frames by eth0."""
    made: socket.socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind(("eth0", ETH_P_ALL))
    made.settimeout(0.3)
    return made


def mac_bytes(ip: str) -> bytes:
    """Return the hardware address of a container."""
    return bytes.fromhex(mac_of(ip).replace(":", ""))


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


def test_spoofed_source_is_dropped(town: Any) -> None:
    """Another address of the subnet, by IPv4 and IPv6, or another hardware address: nobody gets the packets."""
    container, neighbour = town.start(2, egress=()), town.start(3)
    neighbour.serve(80, kind="udp")
    container.ip("addr add 10.42.0.99/16 dev eth0", "addr add fd00:42::99/64 dev eth0 nodad")
    neighbour.ip(
        f"neigh add 10.42.0.99 lladdr {mac_of('10.42.0.2')} dev eth0",
        f"neigh add fd00:42::99 lladdr {mac_of('10.42.0.2')} dev eth0",
    )
    container.ip(
        f"neigh add 10.42.0.3 lladdr {mac_of('10.42.0.3')} dev eth0",
        f"neigh add fd00:42::3 lladdr {mac_of('10.42.0.3')} dev eth0",
    )
    assert container.fetch("10.42.0.3", 80, kind="udp", source="10.42.0.99") == "timeout"
    assert container.fetch("fd00:42::3", 80, kind="udp", source="fd00:42::99") == "timeout"
    town.do(firewall.change_egress, town.endpoint(2, egress=()), ("10.42.0.0/16",))
    assert container.fetch("10.42.0.3", 80, kind="udp") == "10.42.0.2"
    container.ip("link set eth0 address 02:42:0a:2a:00:63")
    assert container.fetch("10.42.0.3", 80, kind="udp") == "timeout"


def test_spoofed_arp_is_dropped(town: Any) -> None:
    """A container cannot tell its neighbours that it is the gateway; one without a policy can, which shows the test."""
    liar, neighbour = town.start(2), town.start(3)
    neighbour.write("/proc/sys/net/ipv4/neigh/eth0/locktime", "0")
    neighbour.ip("neigh replace 10.42.0.1 lladdr 02:00:00:00:00:77 dev eth0 nud stale")
    sender = mac_bytes("10.42.0.2")
    mine, theirs = sender + bytes((10, 42, 0, 1)), mac_bytes("10.42.0.3") + bytes((10, 42, 0, 3))
    claim = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + mine + theirs
    frame = mac_bytes("10.42.0.3") + sender + struct.pack("!H", ARP) + claim
    town.do(firewall.admit, town.endpoint(2, egress=()))
    with packet_socket(liar) as raw:

        def is_believed() -> bool:
            for _ in range(10):
                raw.send(frame)
                time.sleep(0.02)  # what an entry was last told, it keeps for that jiffy
                if f"10.42.0.1 dev eth0 lladdr {mac_of('10.42.0.2')}" in neighbour.run("ip", "neigh"):
                    return True
            return False

        assert not is_believed()
        town.do(firewall.change_egress, town.endpoint(2, egress=()), None)
        assert is_believed()


@pytest.mark.parametrize("network", ["open", "other"])
def test_link_local_ipv6_is_no_way_around(town: Any, network: str) -> None:
    """Every interface has such an address, also where the network has no IPv6; its own upkeep alone may use it."""
    container, neighbour = town.start(2, network), town.start(3, network)
    neighbour.serve(80)
    mine, other = (
        space.run("sh", "-c", "ip -6 -o addr show dev eth0 scope link").split()[3].split("/")[0]
        for space in (container, neighbour)
    )
    assert container.fetch(f"{other}%eth0", 80).startswith(mine)
    town.do(firewall.admit, town.endpoint(2, network, egress=()))
    assert container.fetch(f"{other}%eth0", 80) == "timeout"


@pytest.mark.parametrize("tag", [0, 7])
def test_tagged_frames_are_dropped(town: Any, tag: int) -> None:
    """br_netfilter does not look into them, and a neighbour takes one with the tag 0 as if it had none."""
    container, neighbour = town.start(2), town.start(3)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes((10, 42, 0, 2)), bytes((10, 42, 0, 3)))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    ethernet = mac_bytes("10.42.0.3") + mac_bytes("10.42.0.2") + struct.pack("!HHH", VLAN, tag, 0x0800)
    with packet_socket(container) as raw, packet_socket(neighbour) as heard:

        def arrives(source_port: int) -> bool:
            udp = struct.pack("!HHHH", source_port, 80, 8, 0)
            raw.send(ethernet + header + udp)
            return is_heard(heard, udp)

        assert arrives(1001)
        town.do(firewall.admit, town.endpoint(2, egress=()))
        assert not arrives(1002)


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def is_heard(heard: socket.socket, wanted: bytes) -> bool:
    """Return whether a frame with these bytes in it arrives."""
    try:
        while True:
            if wanted in heard.recv(2000):
                return True
    except TimeoutError:
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
