"""What this host's routes lead to, from the text below /proc/net: no netlink, since `run` may be the one who asks.

Whoever needs it reads it before a transaction begins: a file may make one wait.
"""

from __future__ import annotations

import sys

from quiltctl.model.subnet import Subnet, parse_subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_IPV4 = "/proc/net/route"
_IPV6 = "/proc/net/ipv6_route"
_LINKS = "/proc/net/dev"
_NOT_A_PLACE = (parse_subnet("fe80::/10", "route"), parse_subnet("ff00::/8", "route"), parse_subnet("::1", "route"))
"""Every host has them, on every interface: no network of anybody is reached there."""
_HALF = 1
"""A VPN may split the way out in two halves (OpenVPN's redirect-gateway def1): they are no place either."""


def host_subnets() -> list[tuple[Subnet, str]]:
    """Return where this host's routes lead, each with its interface, but for the way out to everywhere else."""
    return [
        (subnet, interface)
        for subnet, interface in _routes()
        if subnet.prefix > _HALF and not any(subnet.overlaps(other) for other in _NOT_A_PLACE)
    ]


def uplink() -> str:
    """Return the interface that leads to everywhere else, by IPv4 if there is a way; empty where there is none."""
    return next((interface for subnet, interface in _routes() if not subnet.prefix and interface != "lo"), "")


def host_links() -> set[str]:
    """Return the names of this host's network interfaces."""
    return {line.partition(":")[0].strip() for line in _lines(_LINKS) if ":" in line}


def _routes() -> Iterator[tuple[Subnet, str]]:
    for line in _lines(_IPV4)[1:]:
        interface, destination, _, _, _, _, _, mask, *_ = line.split()
        yield Subnet(_number(destination), _number(mask).bit_count(), 4), interface
    for line in _lines(_IPV6):
        destination, prefix, *_, interface = line.split()
        yield Subnet(int(destination, 16), int(prefix, 16), 6), interface


def _number(word: str) -> int:
    """Return the number of an IPv4 address: the file has its bytes as one number of this machine's order."""
    return int.from_bytes(int(word, 16).to_bytes(4, sys.byteorder), "big")


def _lines(path: str) -> list[str]:
    """Return the lines of a table; none where the kernel has no such protocol."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
