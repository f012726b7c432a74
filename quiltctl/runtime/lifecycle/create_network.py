"""Making a network: its row, with a subnet that nobody has. The bridge is made when the first container starts.

All within the caller's transaction, so nothing here asks the kernel: ``routes`` are read before it begins.
"""

from __future__ import annotations

import os
import time

from quiltctl import errors
from quiltctl.db import cleanup, networks
from quiltctl.db.networks import Network
from quiltctl.model.address_plan import check_subnet, choose_gateway, choose_range
from quiltctl.model.document import encode
from quiltctl.model.membership import DEFAULT_NETWORK
from quiltctl.model.name import check_name
from quiltctl.model.subnet import Address, Subnet, parse_address, parse_subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from quiltctl.paths import Paths

    Routes = Sequence[tuple[Subnet, str]]
    Used = Sequence[tuple[Subnet, str]]

RESERVED = ("none", "host", "bridge", "default", "container", "private")
"""What ``--network`` understands as something else."""
_DEFAULT_SUBNETS = tuple(f"10.{number}.0.0/16" for number in range(42, 74))
_ULA_PREFIX = 64
_MTU = (68, 65535)
"""RFC 791 asks for the first; the kernel takes no more than the second for a bridge."""
_MTU6 = 1280
_NAME_LENGTH = 15
BRIDGE = "bridge "
"""How the resource of a cleanup task begins that stands for a network's bridge."""


def default(paths: Paths, connection: sqlite3.Connection, routes: Routes) -> Network:
    """Return the default network, made now where it is missing.

    Whoever finds it by ``networks.named(connection, DEFAULT_NETWORK)`` before the transaction need not read the routes.

    Raises:
        Conflict: every subnet that it may have is in use.
    """
    found = networks.named(connection, DEFAULT_NETWORK)
    if found is not None:
        return found
    used = list(_used(connection, routes))
    free = (text for text in _DEFAULT_SUBNETS if not _overlap(used, parse_subnet(text, "--subnet")))
    subnet = next(free, None)
    if subnet is None:
        raise errors.Conflict(
            f"no subnet is free for the network {DEFAULT_NETWORK}: all of {_DEFAULT_SUBNETS[0]} to"
            f" {_DEFAULT_SUBNETS[-1]} are in use on this host",
            hint=f"choose one: quiltctl network create --subnet SUBNET {DEFAULT_NETWORK}",
        )
    return create(paths, connection, DEFAULT_NETWORK, routes=routes, subnet=subnet, names=False)


def create(
    paths: Paths,
    connection: sqlite3.Connection,
    name: str = "",
    *,
    routes: Routes,
    subnet: str | None = None,
    gateway: str | None = None,
    ip_range: str | None = None,
    subnet6: str | None = None,
    gateway6: str | None = None,
    ipv6: bool = False,
    internal: bool = False,
    nat: bool = True,
    names: bool = True,
    mtu: int = 0,
    bridge: str | None = None,
    labels: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    dns: Sequence[str] = (),
    egress: Sequence[str] | None = None,
) -> Network:
    """Add a network and return it; without a name it is called as its bridge. ``ipv6`` picks a subnet of IPv6 too.

    Raises:
        UsageError: something of it cannot be.
        Conflict: its name, bridge or subnet is taken, or no subnet is free.
    """
    used = list(_used(connection, routes))
    bridge = _bridge(paths, connection, bridge, name=name)
    name = check_network_name(name or bridge)
    if networks.named(connection, name) is not None:
        raise errors.Conflict(f'the name "{name}" is taken by another network', hint="choose another name")
    own = _free(used, subnet, 4) if subnet else _next_free(used)
    gateway = choose_gateway(own, gateway)
    own6 = (_free(used, subnet6, 6) if subnet6 else _next_free6(used)) if subnet6 or ipv6 else None
    config = {
        "labels": labels or {},
        "options": options or {},
        "dns": [str(parse_address(server, "--dns")) for server in dns],
        "egress": None if egress is None else list(egress),
    }
    network = Network(
        id=os.urandom(32).hex(),
        name=name,
        bridge=bridge,
        subnet=str(own),
        gateway=gateway,
        subnet6=None if own6 is None else str(own6),
        gateway6=None if own6 is None else _gateway6(own, gateway, own6, gateway6),
        internal=int(internal),
        config=encode(config),
        created_at=time.time_ns(),
        ip_range=choose_range(own, gateway, ip_range),
        nat=int(nat),
        names=int(names),
        mtu=_checked_mtu(mtu, ipv6=own6 is not None),
        last_leased=None,
    )
    networks.insert(connection, network)
    return network


def check_network_name(name: str) -> str:
    """Return the name when a network may have it.

    Raises:
        UsageError: it may not.
    """
    if name in RESERVED:
        raise errors.UsageError(
            f'"{name}" cannot be the name of a network: --network {name} means something else',
            hint="choose another name",
        )
    return check_name(name, "network")


def _bridge(paths: Paths, connection: sqlite3.Connection, asked: str | None, *, name: str) -> str:
    """Return the name of the bridge: the one asked for, or the next free one; number 0 is the default network's.

    Raises:
        UsageError: no interface can be called so (dev_valid_name in the kernel's net/core/dev.c), or a veth may be.
        Conflict: another network has it.
    """
    others = networks.list_all(connection)
    taken = {network.bridge for network in others} | removed_bridges(connection)
    if not asked:
        if not name:  # it is called as its bridge, so that must be nobody's name either
            taken |= {network.name for network in others}
        numbers = range(0 if name == DEFAULT_NETWORK else 1, 2 * len(taken) + 2)
        return next(free for free in map(paths.bridge, numbers) if free not in taken)
    wrong = len(asked) > _NAME_LENGTH or asked in {".", ".."} or not asked.isascii() or not asked.isprintable()
    if wrong or any(letter in "/: " for letter in asked) or asked.startswith(f"{paths.link_prefix}-"):
        raise errors.UsageError(
            f"{asked!a} cannot be the name of a bridge",
            hint=f"at most {_NAME_LENGTH} characters, without blanks, slashes and colons, and not {paths.link_prefix}-",
        )
    if asked in taken:
        raise errors.Conflict(
            f'the interface "{asked}" is the bridge of another network, or of one that is not removed completely yet',
            hint="choose another name",
        )
    return asked


def removed_bridges(connection: sqlite3.Connection) -> set[str]:
    """Return the bridges of networks that are gone, but for these: who takes such a name would lose its bridge."""
    resources = cleanup.open_resources(connection, "network")
    return {text.removeprefix(BRIDGE) for text in resources if text.startswith(BRIDGE)}


def _free(used: Used, text: str, version: int) -> Subnet:
    """Return the subnet that was asked for.

    Raises:
        UsageError: no network can have it.
        Conflict: it overlaps with what is in use.
    """
    subnet = check_subnet(text)
    if subnet.version != version:
        raise errors.UsageError(f"the subnet {text} is not one of IPv{version}")
    found = _overlap(used, subnet)
    if found:
        raise errors.Conflict(f"the subnet {subnet} overlaps with {found}", hint="choose another --subnet")
    return subnet


def _next_free(used: Used) -> Subnet:
    """Return the next subnet of podman's pool that nobody has."""
    for subnet in _pool():
        if not _overlap(used, subnet):
            return subnet
    raise errors.Conflict("no subnet is left for another network", hint="choose one with --subnet")


def _pool() -> Iterator[Subnet]:
    """Yield 10.89.0.0/24, 10.89.1.0/24, and so on up to 10.255.255.0/24, as podman does."""
    for second in range(89, 256):
        for third in range(256):
            yield Subnet((10 << 24) + (second << 16) + (third << 8), 24, 4)


def _next_free6(used: Used) -> Subnet:
    """Return a subnet of a private prefix that is random, so that two hosts can be connected (RFC 4193, 3.2)."""
    while True:
        first = int.from_bytes(b"\xfd" + os.urandom(5) + bytes(10), "big")
        subnet = Subnet(first, _ULA_PREFIX, 6)
        if not _overlap(used, subnet):
            return subnet


def _gateway6(subnet: Subnet, gateway: str, subnet6: Subnet, asked: str | None) -> str:
    """Return the gateway of IPv6: as far from the beginning of its subnet as that of IPv4, as containers have it.

    Raises:
        UsageError: the subnet has fewer addresses than that of IPv4, or the gateway is not in it.
    """
    if subnet6.size < subnet.size:
        raise errors.UsageError(
            f"the subnet {subnet6} has fewer addresses than {subnet}", hint="choose a wider one, such as a /64"
        )
    if asked:
        return choose_gateway(subnet6, asked)
    return str(Address(subnet6.first + parse_address(gateway, "--gateway").number - subnet.first, 6))


def _used(connection: sqlite3.Connection, routes: Routes) -> Iterator[tuple[Subnet, str]]:
    """Yield what is in use, each with its description."""
    for network in networks.list_all(connection):
        for text in (network.subnet, network.subnet6):
            if text:
                yield parse_subnet(text, "--subnet"), f"network {network.name} ({text})"
    for route, interface in routes:
        yield route, f"{route}, where this host has a route by interface {interface}"


def _overlap(used: Used, subnet: Subnet) -> str:
    """Return the description of what a subnet overlaps with, or nothing."""
    return next((description for other, description in used if subnet.overlaps(other)), "")


def _checked_mtu(mtu: int, *, ipv6: bool) -> int:
    """Return the mtu.

    Raises:
        UsageError: packets cannot have that size.
    """
    smallest = _MTU6 if ipv6 else _MTU[0]
    if mtu and not smallest <= mtu <= _MTU[1]:
        raise errors.UsageError(
            f"an mtu of {mtu} bytes cannot be", hint=f"from {smallest} to {_MTU[1]}, 0 for the usual"
        )
    return mtu
