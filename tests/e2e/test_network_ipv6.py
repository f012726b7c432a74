"""IPv6 under an egress policy: neighbours are found on the wire, and no message about them goes further."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.endpoint import mac_of
from tests.e2e.test_networks import GREET, ask
from tests.netns import Inside

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt
    from tests.netns import Namespace

pytestmark = pytest.mark.needs("nft", "ip", "br_netfilter")


def frame(source: str, target: str, kind: int, mac: str, secret: bytes) -> bytes:
    """Return a message of ICMPv6 as it goes by a wire to the gateway of fd00:89::/64; the secret has eight bytes."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    body = struct.pack("!BBHI", kind, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, target) + secret
    data = ends + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + body[4:]
    macs = bytes.fromhex(f"{mac_of('10.77.0.1')}{mac}".replace(":", ""))
    return macs + struct.pack("!HIHBB", 0x86DD, 6 << 28, len(body), 58, 255) + ends + body


@pytest.mark.parametrize("kind", [128, 133, 134, 135, 136, 137, 143])
def test_no_neighbour_message_leaves_the_link_under_a_policy(quilt: Quilt, outside: Namespace, kind: int) -> None:
    """With --egress deny none of ICMPv6 is heard outside, from whatever address; without it they are passed on."""
    subnets = ("--subnet", "10.77.0.0/24", "--subnet", "fd00:89::/64")
    quilt.ok("network", "create", "--ipv6", *subnets, "six")
    quilt.ok("run", "-d", "--name", "a", "--network", "six", "--cap-add", "NET_RAW", "box", "sleep", "1000")
    subprocess.run(["ip", "addr", "add", "2001:db8::1/64", "dev", "uplink", "nodad"], check=True)
    outside.ip("addr add 2001:db8::2/64 dev uplink nodad")
    mac = outside.run("ip", "-o", "link", "show", "uplink").partition("link/ether ")[2].split()[0]
    subprocess.run(["ip", "neigh", "add", "2001:db8::2", "lladdr", mac, "dev", "uplink"], check=True)
    facts = quilt.inspect("a")["NetworkSettings"]["Networks"]["six"]
    container = Inside(quilt.inspect("a")["State"]["Pid"])
    heard = outside.socket(socket.AF_PACKET, socket.SOCK_RAW)
    heard.bind(("uplink", 3))
    heard.settimeout(0.3)
    raw = container.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))

    def arrives(source: str) -> bool:
        secret = os.urandom(8)
        raw.send(frame(source, "2001:db8::2", kind, facts["MacAddress"], secret))
        try:
            while secret not in heard.recv(2000):
                continue
        except TimeoutError:
            return False
        return True

    assert arrives(facts["GlobalIPv6Address"])
    quilt.ok("update", "--egress", "deny", "a")
    sources = (facts["GlobalIPv6Address"], "fe80::7", "fd00:89::1", "::")
    assert [arrives(source) for source in sources] == [False] * 4
    for each in (heard, raw):
        each.close()
    container.close()


def test_neighbours_of_ipv6_are_found_under_a_policy(quilt: Quilt) -> None:
    """What is allowed is reached, though the hardware address has to be asked for first; nothing else is."""
    quilt.ok("network", "create", "--ipv6", "six")
    for name in ("b", "c"):
        quilt.ok("run", "-d", "--name", name, "--hostname", name, "--network", "six", "box", *GREET)
    six = {n: quilt.inspect(n)["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"] for n in ("b", "c")}
    quilt.ok("run", "-d", "--name", "a", "--network", "six", "--egress", f"allow=[{six['b']}]", "box", "sleep", "99")
    assert [ask(quilt, "a", six[name]) for name in ("b", "c")] == ["b", ""]


def hidden(quilt: Quilt, hide: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a mount namespace in which something has been hidden."""
    script = f'{hide}; exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", quilt.command, *words],
        env=quilt.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
