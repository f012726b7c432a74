"""What a container with an egress policy may send, as text of nftables: two chains of its own, and who goes there.

The one in the ``bridge`` table sees every frame that leaves its veth, and lets pass only what is sent from the address
that was leased to it. Upon that the other one relies: by this address, the ``inet`` table knows whose packet it is.
"""

from __future__ import annotations

from quiltctl.model.subnet import Address, parse_address, parse_subnet
from quiltctl.runtime.network import ruleset
from quiltctl.runtime.network.ruleset import Element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.egress import Destination
    from quiltctl.model.endpoint import Endpoint

PREFIX = "only-"
"""What the names of these chains begin with; the name of the veth follows."""
FRAMES = "frames"
"""The chain of the table ``bridge`` that leads to them."""
FRAMES_RULES = ("iifname vmap @guarded",)
_ICMP = {4: 1, 6: 58}


def bridge_base(table: str) -> str:
    """Return the script that makes the table ``bridge``, or mends its rules; elements stay."""
    lines = (
        f"add table bridge {table}",
        f"add map bridge {table} guarded {{ type ifname : verdict; }}",
        # Before br_netfilter, whose priority is 0, hands frames to the table inet.
        f"add chain bridge {table} {FRAMES} {{ type filter hook prerouting priority -300; policy accept; }}",
    )
    return "".join(f"{line}\n" for line in lines) + ruleset.rules("bridge", table, FRAMES, FRAMES_RULES)


def of_policy(endpoint: Endpoint) -> list[Element]:
    """Return the elements that lead a container's packets to its chains; [] when it may speak to all."""
    if endpoint.egress is None:
        return []
    chain = f"{PREFIX}{endpoint.host_interface}"
    places = [("bridge", "guarded", endpoint.host_interface), ("inet", "policies4", _address(endpoint.ip))]
    if endpoint.ip6:
        places.append(("inet", "policies6", _address(endpoint.ip6)))
    return [Element(*place, f"goto {chain}") for place in places]


def chains(endpoint: Endpoint) -> dict[str, list[str]]:
    """Return the rules of a container's chains, by their family; {} when it may speak to all."""
    if endpoint.egress is None:
        return {}
    return {"inet": _destinations(endpoint.egress), "bridge": _frames(endpoint)}


def addition(table: str, endpoint: Endpoint) -> str:
    """Return the script that puts a container's chains into tables that are there."""
    chain = f"{PREFIX}{endpoint.host_interface}"
    return "".join(
        f"add chain {family} {table} {chain}\n" + ruleset.rules(family, table, chain, lines)
        for family, lines in chains(endpoint).items()
    )


def removal(table: str, family: str, chain: str) -> str:
    """Return the script that takes a chain away to which no element leads any more."""
    return f"flush chain {family} {table} {chain}\ndelete chain {family} {table} {chain}\n"


def _frames(endpoint: Endpoint) -> list[str]:
    """Return the rules for what leaves the veth: nothing but ARP and IP of its own addresses.

    A frame with a VLAN tag would pass br_netfilter unseen, and a neighbour takes the tag 0 for none.
    """
    mac, ip = endpoint.mac, _address(endpoint.ip)
    lines = [
        "ether type != { 0x0800, 0x0806, 0x86dd } drop",
        f"ether saddr != {mac} drop",
        f"arp saddr ether {mac} arp saddr ip {ip} accept",
        f"ip saddr {ip} accept",
    ]
    if endpoint.ip6:
        address, subnet6 = parse_address(endpoint.ip6, "a container"), parse_subnet(endpoint.subnet6, "a network")
        lines += [
            # RFC 4861, 4.4: it answers for no address but its own. The target follows 8 bytes into ICMPv6.
            f"icmpv6 type 136 @th,64,128 != {address.number:#034x} drop",
            f"icmpv6 type {{ 133, 134, 135, 136, 137 }} ip6 daddr != {{ fe80::/10, ff02::/16, {subnet6} }} drop",
            f"ip6 saddr {address} accept",
            # From here the kernel asks whether a neighbour is still there, and tells which groups it listens to.
            "ip6 saddr fe80::/10 icmpv6 type { 133, 135, 136, 143 } accept",
        ]
    return [*lines, "drop"]


def _destinations(egress: tuple[str, ...]) -> list[str]:
    """Return the rules that let pass what is sent to these destinations, those of one kind in one rule."""
    from quiltctl.model.egress import parse_destination  # most containers have no policy

    together: dict[str, list[Destination]] = {}
    for text in egress:
        destination = parse_destination(text)
        version = destination.subnet.version
        kind = f"{_kind(destination)}{'ip6' if version == 6 else 'ip'} daddr"  # noqa: PLR2004 (IPv6)
        together.setdefault(kind, []).append(destination)
    lines = [f"{kind} {{ {_merged(destinations)} }} accept" for kind, destinations in together.items()]
    return [*lines, "goto refuse"]


def _kind(destination: Destination) -> str:
    """Return how nft says protocol and ports of a destination."""
    if destination.protocol == "icmp":
        return f"meta l4proto {_ICMP[destination.subnet.version]} "
    if not destination.first_port and not destination.protocol:
        return ""
    protocols = [ruleset.PROTOCOLS[destination.protocol]] if destination.protocol else [6, 17]
    said = f"meta l4proto {{ {', '.join(map(str, protocols))} }} "
    if not destination.first_port:
        return said
    return f"{said}th dport {destination.first_port}-{destination.last_port} "


def _merged(destinations: list[Destination]) -> str:
    """Return the addresses as ranges that do not touch: nft refuses a set whose ranges overlap."""
    ranges: list[list[int]] = []
    for first, last in sorted((one.subnet.first, one.subnet.last) for one in destinations):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1][1] = max(ranges[-1][1], last)
        else:
            ranges.append([first, last])
    version = destinations[0].subnet.version
    return ", ".join(
        str(Address(first, version)) if first == last else f"{Address(first, version)}-{Address(last, version)}"
        for first, last in ranges
    )


def _address(text: str) -> str:
    """Return an address in the spelling in which nft shows it."""
    return str(parse_address(text, "a container"))
