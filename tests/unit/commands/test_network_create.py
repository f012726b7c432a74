"""`network create`: what the flags come to, and what is refused before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import networks
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.errors import Conflict, UsageError
from quiltctl.model.subnet import parse_subnet
from quiltctl.runtime.lifecycle import create_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

DNS = "198.18.0.53"


# The host that the tests run on has no say in which subnets are free.
pytestmark = pytest.mark.usefixtures("own_network")


def made(paths: Paths, name: str) -> Network:
    """Return the network of a name, which must be there."""
    found = networks.named(open_to_read(paths), name)
    assert found is not None
    return found


def config(network: Network) -> dict[str, Any]:
    """Return labels, options, dns and egress."""
    document: dict[str, Any] = json.loads(network.config)
    return document


def test_create_without_flags(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """The next subnet of the pool, the first address for the bridge, names and NAT on, and the name is printed."""
    assert call("network_create", "app") == 0
    assert call("network_create", "back") == 0
    assert capsys.readouterr().out == "app\nback\n"
    facts = made(quilt_root, "back").to_dict()
    del facts["id"], facts["created_at"]
    assert facts == {
        "name": "back", "bridge": quilt_root.bridge(2), "subnet": "10.89.1.0/24", "gateway": "10.89.1.1",
        "subnet6": None, "gateway6": None, "internal": 0, "ip_range": None, "nat": 1, "names": 1, "mtu": 0,
        "last_leased": None, "config": '{"labels": {}, "options": {}, "dns": [], "egress": null}',
    }  # fmt: skip


def test_create_with_every_flag(call: Call, quilt_root: Paths) -> None:
    """Each flag has its column, or its place in the config."""
    assert call(
        "network_create", "-d", "bridge", "--ipam-driver", "host-local", "--internal", "--disable-dns",
        "--subnet", "10.7.0.0/24", "--gateway", "10.7.0.254", "--ip-range", "10.7.0.128/25",
        "--subnet", "fd00:7::/64", "--gateway", "fd00:7::fe", "--label", "a=b", "--label", "c",
        "-o", "mtu=1400", "-o", "isolate=true", "--opt", "com.docker.network.bridge.enable_ip_masquerade=false",
        "--interface-name", "br-app", "--dns", DNS, "app",
    ) == 0  # fmt: skip
    network = made(quilt_root, "app")
    facts = network.to_dict()
    assert [facts[key] for key in ("bridge", "subnet", "gateway", "subnet6", "gateway6")] == [
        "br-app", "10.7.0.0/24", "10.7.0.254", "fd00:7::/64", "fd00:7::fe",
    ]  # fmt: skip
    assert [facts[key] for key in ("internal", "ip_range", "nat", "names", "mtu")] == [
        1, "10.7.0.128-10.7.0.254", 0, 0, 1400,
    ]  # fmt: skip
    assert config(network) == {
        "labels": {"a": "b", "c": ""},
        "options": {
            "mtu": "1400",
            "isolate": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        },
        "dns": [DNS],
        "egress": None,
    }


def test_create_without_a_name_is_called_as_its_bridge(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """A name that somebody has already is not taken, even if its bridge is called otherwise."""
    call("network_create", quilt_root.bridge(2))
    assert call("network_create") == 0
    name = capsys.readouterr().out.split()[1]
    assert (name, made(quilt_root, name).bridge) == (quilt_root.bridge(3), quilt_root.bridge(3))


def test_create_picks_private_ipv6(call: Call, quilt_root: Paths) -> None:
    """A /64 of the addresses that are nobody's, with the gateway as far in it as that of IPv4."""
    call("network_create", "--ipv6", "--subnet", "10.7.0.0/24", "--gateway", "10.7.0.9", "app")
    network = made(quilt_root, "app")
    assert network.subnet6 is not None
    assert parse_subnet("fd00::/8", "x").overlaps(parse_subnet(network.subnet6, "x"))
    assert network.gateway6 == network.subnet6.removesuffix("/64") + "9"


def test_create_of_one_that_is_there(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """A name is taken; with --ignore that is fine, and the network stays as it is."""
    call("network_create", "app")
    before = made(quilt_root, "app")
    with pytest.raises(Conflict, match='the name "app" is taken by another network'):
        call("network_create", "app")
    assert call("network_create", "--ignore", "--subnet", "10.7.0.0/24", "app") == 0
    assert (capsys.readouterr().out, made(quilt_root, "app")) == ("app\napp\n", before)


@pytest.mark.parametrize("name", [*create_network.RESERVED, "-x", "a b", "é", "a" * 256, "a/b"])
def test_create_refuses_names(call: Call, quilt_root: Paths, name: str) -> None:
    """Words that --network understands as something else, and what is no name."""
    with pytest.raises(UsageError, match="cannot be the name of a network"):
        call("network_create", "--", name)
    assert networks.list_all(open_to_read(quilt_root)) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-d", "macvlan"), 'there is no driver "macvlan"'),
        (("--ipam-driver", "dhcp"), 'there is no IPAM driver "dhcp"'),
        (("-o", "vlan=4"), 'unknown option "vlan=4"'),
        (("-o", "mtu"), 'unknown option "mtu"'),
        (("-o", "mtu=fast"), '"fast" is no mtu'),
        (("-o", "mtu=60"), "an mtu of 60 bytes"),
        (("-o", "mtu=99999"), "an mtu of 99999 bytes"),
        (("--ipv6", "-o", "mtu=1000"), "an mtu of 1000 bytes"),
        (("-o", "isolate=false"), "always isolated"),
        (("-o", "isolate=perhaps"), "neither true nor false"),
        (("-o", "com.docker.network.bridge.enable_ip_masquerade=2"), "neither true nor false"),
        (("--subnet", "10.7.0.0/24", "--subnet", "10.8.0.0/24"), "given twice for IPv4"),
        (("--gateway", "10.7.0.1"), "needs its --subnet"),
        (("--subnet", "10.7.0.0/24", "--gateway", "fd00::1"), "needs its --subnet"),
        (("--subnet", "10.7.0.0/24", "--gateway", "10.8.0.1"), "no address of a host in 10.7.0.0/24"),
        (("--ip-range", "10.7.0.0/25"), "needs a --subnet"),
        (("--subnet", "10.7.0.0/24", "--ip-range", "fd00::/120"), "is for IPv4"),
        (("--subnet", "10.7.0.0/24", "--subnet", "fd00:7::/122"), "fewer addresses"),
        (("--dns", "dns.example"), 'invalid address "dns.example" for --dns'),
        (("--label", "=b"), "it has no key"),
        (("--interface-name", "sixteen-letters!"), "cannot be the name of a bridge"),
        (("--interface-name", "a/b"), "cannot be the name of a bridge"),
        (("--interface-name", "a b"), "cannot be the name of a bridge"),
        (("--interface-name", ".."), "cannot be the name of a bridge"),
        (("-o", "com.docker.network.bridge.name=é"), "cannot be the name of a bridge"),
        (("--route", "10.0.0.0/8,10.7.0.1"), "--route: this version"),
    ],
)
def test_create_refuses_flags(call: Call, quilt_root: Paths, words: tuple[str, ...], why: str) -> None:
    """What cannot be honoured is an error that names it, and nothing is made."""
    with pytest.raises(UsageError, match=why):
        call("network_create", *words, "app")
    assert networks.list_all(open_to_read(quilt_root)) == []


def test_create_refuses_bridges_that_are_somebodys(call: Call, quilt_root: Paths) -> None:
    """Another network's, an interface of this host, and names that are kept for veths."""
    call("network_create", "--interface-name", "br-app", "app")
    with pytest.raises(Conflict, match='the interface "br-app" is the bridge of another network'):
        call("network_create", "--interface-name", "br-app", "back")
    with pytest.raises(Conflict, match='this host has an interface "lo"'):
        call("network_create", "--interface-name", "lo", "back")
    with pytest.raises(UsageError, match="cannot be the name of a bridge"):
        call("network_create", "--interface-name", f"{quilt_root.link_prefix}-1", "back")


def create(paths: Paths, name: str, by_subnet: dict[str, str], **given: Any) -> Network:
    """Make a network on a host with these routes: interfaces by subnet."""
    connection = open_to_write(paths)
    with transaction(connection):
        found = [(parse_subnet(text, "route"), interface) for text, interface in by_subnet.items()]
        return create_network.create(paths, connection, name, routes=found, **given)


@pytest.mark.parametrize("subnet", ["10.7.0.0/24", "10.7.0.128/25", "10.0.0.0/8"])
def test_subnet_must_be_free(quilt_root: Paths, subnet: str) -> None:
    """What overlaps with another network, or with a route of the host, is refused by its name."""
    create(quilt_root, "app", {}, subnet="10.7.0.0/24")
    with pytest.raises(Conflict, match=r"overlaps with network app \(10\.7\.0\.0/24\)"):
        create(quilt_root, "back", {}, subnet=subnet)
    with pytest.raises(Conflict, match=r"overlaps with 192\.0\.0\.0/12, where this host has a route by interface eth0"):
        create(quilt_root, "back", {"192.0.0.0/12": "eth0"}, subnet="192.0.2.0/24")


def test_pool_is_walked_around_what_is_used(quilt_root: Paths) -> None:
    """The first subnet of the pool that neither a network nor a route has."""
    create(quilt_root, "app", {}, subnet="10.89.1.0/25")
    found = create(quilt_root, "back", {"10.89.0.0/24": "vpn0", "10.89.2.64/26": "vpn0"})
    assert found.subnet == "10.89.3.0/24"


def default(paths: Paths, by_subnet: dict[str, str]) -> Network:
    """Return the default network on a host with these routes."""
    connection = open_to_write(paths)
    with transaction(connection):
        found = [(parse_subnet(text, "route"), interface) for text, interface in by_subnet.items()]
        return create_network.default(paths, connection, found)


def test_default_network_is_made_once(quilt_root: Paths) -> None:
    """10.42.0.0/16, without names, and the first bridge, whoever was faster; afterwards it is what it is."""
    create(quilt_root, "app", {})
    found = default(quilt_root, {})
    assert (found.name, found.bridge, found.subnet, found.names) == ("quilt0", quilt_root.bridge(0), "10.42.0.0/16", 0)
    assert default(quilt_root, {"10.42.0.0/16": "eth0"}) == found


def test_default_network_evades_what_is_used(quilt_root: Paths) -> None:
    """The next /16, up to the last of them; then the way out is to choose one."""
    taken = {f"10.{number}.0.0/16": "eth0" for number in range(42, 74)}
    with pytest.raises(Conflict, match=r"all of 10\.42\.0\.0/16 to 10\.73\.0\.0/16 are in use") as caught:
        default(quilt_root, taken)
    assert caught.value.hint == "choose one: quiltctl network create --subnet SUBNET quilt0"
    del taken["10.73.0.0/16"]
    assert default(quilt_root, taken).subnet == "10.73.0.0/16"


def test_default_network_can_be_chosen(call: Call, quilt_root: Paths) -> None:
    """Made by hand before the first container asks for it, it has the subnet that was given, and the first bridge."""
    call("network_create", "--subnet", "172.30.0.0/16", "quilt0")
    found = default(quilt_root, {})
    assert (found.subnet, found.bridge) == ("172.30.0.0/16", quilt_root.bridge(0))
