"""What a container with an egress policy cannot pretend to be: a neighbour, the gateway, or somebody on a VLAN.

Each is tried without a policy first, which shows that the attempt would succeed.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.endpoint import mac_of
from quiltctl.runtime.network import firewall

if TYPE_CHECKING:
    from typing import Any

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")
ETH_P_ALL, IPV4, ARP, VLAN, IPV6 = 3, 0x0800, 0x0806, 0x8100, 0x86DD
EVERYWHERE = ("0.0.0.0/0", "::/0")


def packet_socket(space: Any) -> socket.socket:
    """Return a socket that sends and receives whole frames by eth0."""
    made: socket.socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind(("eth0", ETH_P_ALL))
    made.settimeout(0.3)
    return made


def mac_bytes(ip: str) -> bytes:
    """Return the hardware address of a container."""
    return bytes.fromhex(mac_of(ip).replace(":", ""))


LIAR, NEIGHBOUR = mac_bytes("10.42.0.2"), mac_bytes("10.42.0.3")
LIAR_IP, NEIGHBOUR_IP, GATEWAY_IP = (socket.inet_aton(f"10.42.0.{n}") for n in (2, 3, 1))


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def udp(source_port: int, source_ip: bytes = LIAR_IP) -> bytes:
    """Return a packet to the neighbour."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, source_ip, NEIGHBOUR_IP)
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + struct.pack("!HHHH", source_port, 80, 8, 0)


def is_heard(heard: socket.socket, wanted: bytes) -> bool:
    """Return whether a frame with these bytes in it arrives."""
    try:
        while True:
            if wanted in heard.recv(2000):
                return True
    except TimeoutError:
        return False


def is_believed(raw: socket.socket, frame: bytes, neighbour: Any, address: str) -> bool:
    """Return whether, after this frame, a neighbour takes an address for the liar's."""
    for _ in range(10):
        raw.send(frame)
        time.sleep(0.02)  # what an entry was last told, it keeps for that jiffy
        if f"{address} dev eth0 lladdr {mac_of('10.42.0.2')}" in neighbour.run("ip", "neigh"):
            return True
    return False


@pytest.mark.parametrize(
    ("source_mac", "tags"),
    [
        pytest.param(mac_bytes("10.42.0.9"), b"", id="hardware-address"),
        pytest.param(LIAR, struct.pack("!HH", VLAN, 0), id="tag-0"),
        pytest.param(LIAR, struct.pack("!HH", VLAN, 7), id="tag-7"),
    ],
)
def test_forged_frames_are_dropped(town: Any, source_mac: bytes, tags: bytes) -> None:
    """Of another hardware address, or of a VLAN, past br_netfilter: a neighbour takes the tag 0 for none."""
    liar, neighbour = town.start(2), town.start(3)
    ethernet = NEIGHBOUR + source_mac + tags + struct.pack("!H", IPV4)
    with packet_socket(liar) as raw, packet_socket(neighbour) as heard:

        def arrives(packet: bytes, ethernet: bytes = ethernet) -> bool:
            raw.send(ethernet + packet)
            return is_heard(heard, packet[20:])

        assert arrives(udp(1001))
        town.do(firewall.admit, town.endpoint(2, egress=EVERYWHERE))
        assert not arrives(udp(1002))
        assert arrives(udp(1003), NEIGHBOUR + LIAR + struct.pack("!H", IPV4))


def test_forged_arp_is_dropped(town: Any) -> None:
    """A container cannot tell its neighbours that it is the gateway."""
    liar, neighbour = town.start(2), town.start(3)
    neighbour.write("/proc/sys/net/ipv4/neigh/eth0/locktime", "0")
    claim = struct.pack("!HHBBH", 1, IPV4, 6, 4, 2) + LIAR + GATEWAY_IP + NEIGHBOUR + NEIGHBOUR_IP
    frame = NEIGHBOUR + LIAR + struct.pack("!H", ARP) + claim
    with packet_socket(liar) as raw:
        for egress, believed in ((None, True), (EVERYWHERE, False)):
            town.do(firewall.admit, town.endpoint(2, egress=egress))
            neighbour.ip("neigh replace 10.42.0.1 lladdr 02:00:00:00:00:77 dev eth0 nud stale")
            assert is_believed(raw, frame, neighbour, "10.42.0.1") is believed


def test_forged_neighbour_advertisement_is_dropped(town: Any) -> None:
    """The same by IPv6, from its own address."""
    liar, neighbour = town.start(2), town.start(3)
    own, other, gateway = (socket.inet_pton(socket.AF_INET6, f"fd00:42::{n}") for n in (2, 3, 1))
    claim = struct.pack("!BBHI", 136, 0, 0, 1 << 29) + gateway + b"\2\1" + LIAR
    total = checksum(own + other + struct.pack("!II", len(claim), 58) + claim)
    claim = claim[:2] + struct.pack("!H", total) + claim[4:]
    header = struct.pack("!IHBB", 6 << 28, len(claim), 58, 255) + own + other
    frame = NEIGHBOUR + LIAR + struct.pack("!H", IPV6) + header + claim
    with packet_socket(liar) as raw:
        for egress, believed in ((None, True), (EVERYWHERE, False)):
            town.do(firewall.admit, town.endpoint(2, egress=egress))
            neighbour.ip("neigh replace fd00:42::1 lladdr 02:00:00:00:00:77 dev eth0 nud stale")
            assert is_believed(raw, frame, neighbour, "fd00:42::1") is believed


def test_neighbours_are_found_and_kept(town: Any) -> None:
    """From its link-local address the kernel asks whether a neighbour is still there: that passes."""
    container = town.start(2, egress=())
    town.host.serve(9)
    container.fetch("fd00:42::1", 9)
    [words] = [
        line.split() for line in container.run("ip", "-6", "neigh").splitlines() if line.startswith("fd00:42::1")
    ]
    container.ip(f"neigh replace fd00:42::1 lladdr {words[4]} dev eth0 nud probe")
    for _ in range(100):
        if "REACHABLE" in container.run("ip", "-6", "neigh", "show", "fd00:42::1"):
            return
        time.sleep(0.02)
    pytest.fail(container.run("ip", "-6", "neigh"))


def test_spoofed_source_is_dropped(town: Any) -> None:
    """Another address of the subnet, by IPv4 and IPv6: nobody gets the packets."""
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
