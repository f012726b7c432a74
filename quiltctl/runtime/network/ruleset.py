"""The tables of nftables of one root, as text: nft(8). Nothing here asks or changes the kernel.

What differs from network to network and from container to container is an element of a set or a map, so a packet
passes the same few rules whatever their number. Every script may run again: ``add`` of what is there is no error, and
the rules of a chain are written anew in the transaction that removes them.
"""

from __future__ import annotations

import sys
from binascii import crc32

from quiltctl.model.subnet import Address, parse_address, parse_subnet
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from quiltctl.model.endpoint import Endpoint, Wire

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
"""IANA's numbers: nft looks names up in /etc/protocols, which may not be there."""
SETS = {
    "networks": "type ifname . ipv4_addr . ipv6_addr . mark",
    "bridges": "type ifname",
    "internal": "type ifname",
    "nat": "type ifname",
    "same": "type ifname . ifname",
    "own4": "type ifname . ipv4_addr; flags interval",
    "own6": "type ifname . ipv6_addr; flags interval",
}
"""What holds elements of networks. ``networks`` is what a start asks for: all that the others are made from."""
MAPS = {
    "ports4": "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
    "ports4_any": "type inet_proto . inet_service : ipv4_addr . inet_service",
    "ports6": "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service",
    "ports6_any": "type inet_proto . inet_service : ipv6_addr . inet_service",
    "policies4": "type ipv4_addr : verdict",
    "policies6": "type ipv6_addr : verdict",
}
"""What holds elements of containers."""
CHAINS = {
    # What routes 127.0.0.0/8 to a container, so that localhost reaches its ports, lets it speak to the host's localhost
    # and in its name (CVE-2020-8558).
    "loopback": (
        "type filter hook prerouting priority -300; policy accept;",
        "iifname @bridges ip daddr 127.0.0.0/8 drop",
        "iifname @bridges ip saddr 127.0.0.0/8 drop",
    ),
    # After conntrack (-200) and before the destination is changed (-100): a policy is about the address that was
    # dialled. Every packet that a container sends is looked at, not the first alone, so what a change forbids ends.
    "egress": (
        "type filter hook prerouting priority -150; policy accept;",
        "ct direction reply accept",
        "ip saddr vmap @policies4",
        "ip6 saddr vmap @policies6",
    ),
    # A reset is believed in the midst of a connection too, and is not rationed as ICMP is (icmp_ratelimit, icmp(7)).
    "refuse": (
        "",
        # Neighbours are asked for on the wire alone: further away it would be a message like any other (RFC 4861, 7.2).
        "iifname . ip6 daddr @own6 icmpv6 type { 135, 136 } accept",
        "ip6 daddr { fe80::/10, ff02::/16 } icmpv6 type { 135, 136 } accept",
        "meta l4proto 6 reject with tcp reset",
        "reject with icmpx admin-prohibited",
    ),
    "publish": (
        "",
        "dnat ip to ip daddr . meta l4proto . th dport map @ports4",
        "dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6",
        "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4_any",
        "meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6_any",
    ),
    # From an internal network the host's ports are refused as the host's, with an answer that its sender understands.
    "inward": (
        "type nat hook prerouting priority -100; policy accept;",
        "iifname @internal accept",
        "fib daddr type local jump publish",
    ),
    # IPv6 has no route_localnet: what goes to ::1 cannot leave, and is refused by the host at once.
    "local": (
        "type nat hook output priority -100; policy accept;",
        "ip6 daddr ::1 accept",
        "fib daddr type local jump publish",
    ),
    # What came by a bridge's port has no incoming interface here, hence own4 and own6.
    "outward": (
        "type nat hook postrouting priority 100; policy accept;",
        "iifname @nat oifname != @bridges masquerade",
        "oifname . ip saddr @own4 ct status dnat masquerade",
        "oifname . ip6 saddr @own6 ct status dnat masquerade",
        "oifname @bridges ip saddr 127.0.0.0/8 masquerade",
    ),
    # Containers are told at once, strangers get no answer.
    "forward": (
        "type filter hook forward priority 0; policy accept;",
        "ct state established,related accept",
        "iifname . oifname @same accept",
        "iifname @internal goto refuse",
        "oifname != @bridges accept",
        "oifname != @internal ct status dnat accept",
        "iifname @bridges goto refuse",
        "drop",
    ),
    "input": (
        "type filter hook input priority 0; policy accept;",
        "ct state established,related accept",
        "iifname @internal goto refuse",
    ),
}
"""The chains: what each hooks into, or nothing for one that others jump to, and its rules."""


class Element(Value):
    """An element of a set, or with a value of a map."""

    family: str
    holder: str
    """The name of the set or map."""
    key: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.key} : {self.value}" if self.value else self.key


def base(table: str) -> str:
    """Return the script that makes the table ``inet``, or mends its rules; elements stay."""
    lines = [f"add table inet {table}"]
    lines += [f"add set inet {table} {name} {{ {kind}; }}" for name, kind in SETS.items()]
    lines += [f"add map inet {table} {name} {{ {kind}; }}" for name, kind in MAPS.items()]
    for name, (hook, *_) in CHAINS.items():
        lines.append(f"add chain inet {table} {name}{f' {{ {hook} }}' if hook else ''}")
    return "".join(f"{line}\n" for line in lines) + "".join(
        rules("inet", table, name, lines) for name, (_, *lines) in CHAINS.items()
    )


def rules(family: str, table: str, chain: str, lines: Iterable[str]) -> str:
    """Return the script that gives a chain these rules and no others, each with its fingerprint as its comment."""
    return f"flush chain {family} {table} {chain}\n" + "".join(
        f'add rule {family} {table} {chain} {line} comment "{fingerprint(line)}"\n' for line in lines
    )


def fingerprint(line: str) -> str:
    """Return what tells a rule from another one: nft lists rules in other words than those they were given in."""
    return f"{crc32(line.encode()):08x}"


def change(verb: str, table: str, elements: Iterable[Element]) -> str:
    """Return the script that adds (``add``) or removes (``delete``) elements, one line for each set or map."""
    together: dict[tuple[str, str], list[str]] = {}
    for element in elements:
        text = str(element) if verb == "add" else element.key
        together.setdefault((element.family, element.holder), []).append(text)
    return "".join(
        f"{verb} element {family} {table} {holder} {{ {', '.join(texts)} }}\n"
        for (family, holder), texts in together.items()
    )


def of_network(wire: Endpoint | Wire) -> list[Element]:
    """Return the elements that a network stands for."""
    bridge = wire.bridge
    keys = {
        "networks": " . ".join(map(str, (bridge, *_facts(wire)))),
        "bridges": bridge,
        "internal": bridge if wire.internal else "",
        "nat": bridge if wire.nat and not wire.internal else "",
        "same": f"{bridge} . {bridge}",
        "own4": f"{bridge} . {parse_subnet(wire.subnet, 'a network')}" if wire.subnet else "",
        "own6": f"{bridge} . {parse_subnet(wire.subnet6, 'a network')}" if wire.subnet6 else "",
    }
    return [Element("inet", holder, key) for holder, key in keys.items() if key]


def network_key(wire: Endpoint | Wire) -> bytes:
    """Return the key of a network's element in ``networks``, as the kernel keeps it."""
    first4, first6, mark = _facts(wire)
    numbers = first4.number.to_bytes(4, "big") + first6.number.to_bytes(16, "big") + mark.to_bytes(4, sys.byteorder)
    return wire.bridge.encode().ljust(16, b"\0") + numbers


def of_ports(endpoint: Endpoint) -> list[Element]:
    """Return the elements by which a container's published ports lead to it.

    A port of all addresses is one of IPv4, and of IPv6 where the container has such an address.
    """
    found = []
    for port in endpoint.ports:
        protocol, host_ip = PROTOCOLS[port["protocol"]], port["host_ip"]
        address = parse_address(host_ip, "-p") if host_ip else None
        for version, ip in ((4, endpoint.ip), (6, endpoint.ip6)):
            if not ip or (address is not None and address.version != version):
                continue
            key, holder = f"{protocol} . {port['host_port']}", f"ports{version}"
            if address is None or address.number == 0:
                holder += "_any"
            else:
                key = f"{address} . {key}"
            value = f"{parse_address(ip, 'a container')} . {port['container_port']}"
            found.append(Element("inet", holder, key, value))
    return found


def _facts(wire: Endpoint | Wire) -> tuple[Address, Address, int]:
    """Return what tells a network from an older one of its bridge: its first addresses, and the rest in a number."""
    subnet4 = parse_subnet(wire.subnet or "0.0.0.0/0", "a network")
    subnet6 = parse_subnet(wire.subnet6 or "::/0", "a network")
    mark = subnet4.prefix | subnet6.prefix << 8 | bool(wire.nat) << 16 | bool(wire.internal) << 17
    return Address(subnet4.first, 4), Address(subnet6.first, 6), mark
