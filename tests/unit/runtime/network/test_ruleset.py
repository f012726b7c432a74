"""The text of the rules, and what networks and containers come to in it."""

from __future__ import annotations

from typing import Any

import pytest

from quiltctl.model.endpoint import Endpoint, Wire, mac_of
from quiltctl.runtime.network import policy, ruleset
from quiltctl.runtime.network.ruleset import Element

WIRE = Wire("quilt1", "10.89.1.0/24", "fd00:89::/64", True, False)


def port(host_port: int, container_port: int, protocol: str = "tcp", host_ip: str = "") -> dict[str, Any]:
    """Return a published port, as endpoints have them."""
    return {"host_ip": host_ip, "host_port": host_port, "container_port": container_port, "protocol": protocol}


def endpoint(**facts: Any) -> Endpoint:
    """Return an endpoint in that network, with other facts where they are given."""
    given = {
        **WIRE.to_dict(),
        "lease_id": 1,
        "container_id": "c" * 64,
        "network": "web",
        "gateway": "10.89.1.1",
        "mtu": 0,
        "ports": (),
        "gateway6": "fd00:89::1",
        "ip": "10.89.1.2",
        "ip6": "fd00:89::2",
        "mac": mac_of("10.89.1.2"),
        "interface": "eth0",
        "host_interface": "quilt-1",
        "egress": None,
    }
    return Endpoint(**{**given, **facts})


def test_network_comes_to_an_element_in_each_set_that_it_belongs_to() -> None:
    """The facts of all of it, then what packets are compared with; a subnet is written as nft lists it."""
    odd = Wire("quilt1", "10.89.1.77/24", "fd00:89:0::5/64", True, False)
    for wire in (WIRE, odd, endpoint()):
        assert ruleset.of_network(wire) == [
            Element("inet", "networks", f"quilt1 . 10.89.1.0 . fd00:89:: . {24 | 64 << 8 | 1 << 16}"),
            Element("inet", "bridges", "quilt1"),
            Element("inet", "nat", "quilt1"),
            Element("inet", "same", "quilt1 . quilt1"),
            Element("inet", "own4", "quilt1 . 10.89.1.0/24"),
            Element("inet", "own6", "quilt1 . fd00:89::/64"),
        ]


def test_internal_network_is_never_translated() -> None:
    """It is in ``internal`` and not in ``nat``, and without IPv6 in no set of that."""
    holders = {element.holder for element in ruleset.of_network(Wire("quilt2", "10.89.2.0/24", "", True, True))}
    assert holders == {"networks", "bridges", "internal", "same", "own4"}


def test_key_of_a_network_is_that_of_the_kernel() -> None:
    """The name filled up to 16 bytes, addresses in network order, the mark in the host's."""
    key = ruleset.network_key(Wire("q1", "10.0.0.0/8", "", False, True))
    assert len(key) == 40
    assert key[:20] == b"q1".ljust(16, b"\0") + bytes((10, 0, 0, 0))
    assert key[20:36] == bytes(16)
    assert memoryview(key[36:]).cast("I")[0] == 8 | 1 << 17


@pytest.mark.parametrize(
    ("published", "elements"),
    [
        (
            port(8080, 80),
            [("ports4_any", "6 . 8080", "10.89.1.2 . 80"), ("ports6_any", "6 . 8080", "fd00:89::2 . 80")],
        ),
        (port(53, 5353, "udp", "0.0.0.0"), [("ports4_any", "17 . 53", "10.89.1.2 . 5353")]),  # noqa: S104 (what is meant)
        (port(53, 5353, "sctp", "::"), [("ports6_any", "132 . 53", "fd00:89::2 . 5353")]),
        (port(80, 80, host_ip="192.0.2.1"), [("ports4", "192.0.2.1 . 6 . 80", "10.89.1.2 . 80")]),
        (port(80, 80, host_ip="2001:DB8:0::1"), [("ports6", "2001:db8::1 . 6 . 80", "fd00:89::2 . 80")]),
    ],
)
def test_published_port_comes_to_elements(published: dict[str, Any], elements: list[tuple[str, ...]]) -> None:
    """In the map of its address, or of all addresses, for each version of IP that it is of."""
    found = ruleset.of_ports(endpoint(ports=(published,)))
    assert found == [Element("inet", *element) for element in elements]


def test_port_of_a_container_without_ipv6_is_one_of_ipv4() -> None:
    """There is nowhere to lead the other to."""
    found = ruleset.of_ports(endpoint(ip6="", ports=(port(80, 80), port(81, 81, host_ip="::"))))
    assert [element.holder for element in found] == ["ports4_any"]


def test_change_is_one_line_for_each_set() -> None:
    """Values are added with their keys, and removed by their keys."""
    elements = ruleset.of_ports(endpoint(ip6="", ports=(port(80, 8080), port(81, 8081))))
    assert ruleset.change("add", "quilt", elements) == (
        "add element inet quilt ports4_any { 6 . 80 : 10.89.1.2 . 8080, 6 . 81 : 10.89.1.2 . 8081 }\n"
    )
    assert ruleset.change("delete", "quilt", elements) == ("delete element inet quilt ports4_any { 6 . 80, 6 . 81 }\n")
    assert ruleset.change("add", "quilt", []) == ""


def test_base_may_run_again() -> None:
    """Nothing in it fails where it is there already, and each chain is emptied before it is filled."""
    lines = ruleset.base("quilt_1234").splitlines()
    assert lines[0] == "add table inet quilt_1234"
    assert {line.split()[0] for line in lines} == {"add", "flush"}
    for chain in ruleset.CHAINS:
        flush = lines.index(f"flush chain inet quilt_1234 {chain}")
        made = [n for n, line in enumerate(lines) if line.startswith(f"add rule inet quilt_1234 {chain} ")]
        assert made == list(range(flush + 1, flush + len(ruleset.CHAINS[chain])))


def test_container_without_a_policy_has_no_chains() -> None:
    """None is all; () is nothing, and a policy."""
    assert policy.chains(endpoint()) == {}
    assert policy.of_policy(endpoint()) == []
    assert policy.addition("quilt", endpoint()) == ""
    assert policy.chains(endpoint(egress=()))["inet"] == ["goto refuse"]


def test_policy_leads_its_container_to_its_chains() -> None:
    """By the name of the veth in the table bridge, by the leased addresses in the table inet."""
    assert policy.of_policy(endpoint(egress=())) == [
        Element("bridge", "guarded", "quilt-1", "goto only-quilt-1"),
        Element("inet", "policies4", "10.89.1.2", "goto only-quilt-1"),
        Element("inet", "policies6", "fd00:89::2", "goto only-quilt-1"),
    ]
    assert len(policy.of_policy(endpoint(egress=(), ip6=""))) == 2


def test_destinations_of_one_kind_are_one_rule() -> None:
    """Whose ranges neither overlap nor touch, or nft refuses them."""
    egress = (
        *("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0:53/udp"),
        *("198.51.100.0/24:80-90", "198.51.100.128/25:80-90", "[fd00::/64]:443/tcp", "10.9.9.9/32/icmp", "::/0"),
    )
    assert policy.chains(endpoint(egress=egress))["inet"] == [
        "ip daddr { 10.0.0.0-11.255.255.255, 192.0.2.7 } accept",
        "meta l4proto { 17 } th dport 53-53 ip daddr { 0.0.0.0-255.255.255.255 } accept",
        "meta l4proto { 6, 17 } th dport 80-90 ip daddr { 198.51.100.0-198.51.100.255 } accept",
        "meta l4proto { 6 } th dport 443-443 ip6 daddr { fd00::-fd00::ffff:ffff:ffff:ffff } accept",
        "meta l4proto 1 ip daddr { 10.9.9.9 } accept",
        "ip6 daddr { ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff } accept",
        "goto refuse",
    ]


def test_frames_are_bound_to_the_leased_addresses() -> None:
    """Without an IPv6 address, no IPv6 at all leaves the veth."""
    lines = policy.chains(endpoint(egress=(), ip6=""))["bridge"]
    assert lines == [
        "ether type != { 0x0800, 0x0806, 0x86dd } drop",
        "ether saddr != 02:42:0a:59:01:02 drop",
        "arp saddr ether 02:42:0a:59:01:02 arp saddr ip 10.89.1.2 accept",
        "ip saddr 10.89.1.2 accept",
        "drop",
    ]
    assert (
        "icmpv6 type 136 @th,64,128 != 0xfd000089000000000000000000000002 drop"
        in policy.chains(endpoint(egress=()))["bridge"]
    )
