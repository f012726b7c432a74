"""The options for networks: what they come to, and what is refused before anything was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.cli import fast
from quiltctl.commands import _container_options as container_options
from quiltctl.commands import _namespace_options as namespace_options
from quiltctl.commands import _network_options as network_options
from quiltctl.commands import create as create_verb
from quiltctl.db.connection import open_to_write
from quiltctl.model.egress import EVERYWHERE
from quiltctl.model.image import Image, ImageConfig
from quiltctl.model.membership import Wanted
from quiltctl.model.parameters import Flag, Option, key_of
from quiltctl.runtime.user_namespace import find_pool
from tests.attach import add_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Capture = pytest.CaptureFixture[str]

IMAGE = Image("d" * 64, "", ImageConfig(exposed_ports=("80/tcp",)), (), 1, 1, "amd64")
EIGHTY = {"host_ip": "", "host_port": 8080, "container_port": 80, "protocol": "tcp"}


def any_port(number: int, protocol: str) -> dict[str, Any]:
    """Return a port that is published on any free port of the host."""
    return {"host_ip": "", "host_port": 0, "container_port": number, "protocol": protocol}


def options_of(*words: str) -> dict[str, Any]:
    """Return the options as the command line reads them."""
    values = fast.read(create_verb.VERB, [*words, "box"])
    assert values is not None, words
    return values


def fields(paths: Paths, *words: str) -> dict[str, Any]:
    """Return the fields of the spec that a command line comes to, after its check."""
    options = options_of(*words)
    network_options.check(options)
    return network_options.fields(open_to_write(paths), options, IMAGE)


def test_default_is_the_default_network(quilt_root: Paths) -> None:
    """Without an option: the default network, its first interface, nothing published, what the image exposes."""
    assert fields(quilt_root) == {
        "network": "bridge",
        "ports": (),
        "expose": ("80/tcp",),
        "publish_all": False,
        "dns": (),
        "dns_search": (),
        "dns_options": (),
        "extra_hosts": (),
        "no_hosts": False,
        "egress": None,
    }
    assert container_options.members_of(options_of()) == (Wanted("quilt0", "eth0"),)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--net", "bridge"), [Wanted("quilt0", "eth0")]),
        (("--network=default",), [Wanted("quilt0", "eth0")]),
        (("--network=private",), [Wanted("quilt0", "eth0")]),
        (("--network=",), [Wanted("quilt0", "eth0")]),
        (("--network=none",), []),
        (("--network=host",), []),
        (("--network=container:web",), []),
        (("--network=blue",), [Wanted("blue", "eth0")]),
        (("--network=blue,red",), [Wanted("blue", "eth0"), Wanted("red", "eth1")]),
        (("--network=blue", "--network=bridge"), [Wanted("blue", "eth0"), Wanted("quilt0", "eth1")]),
        (
            ("--network=blue:ip=10.89.0.7,ip6=FD00::7,mac=02-42-0A-00-00-07,alias=db,alias=sql,interface_name=lan0",),
            [Wanted("blue", "lan0", "10.89.0.7", "fd00::7", "02:42:0a:00:00:07", ("db", "sql"))],
        ),
        (
            ("--network=blue", "--network=red:interface_name=eth0"),
            [Wanted("blue", "eth1"), Wanted("red", "eth0")],
        ),
        (("--network=bridge:ip=10.42.0.7",), [Wanted("quilt0", "eth0", ip="10.42.0.7")]),
        (("--ip=10.42.0.7", "--ip6=fd00::7"), [Wanted("quilt0", "eth0", ip="10.42.0.7", ip6="fd00::7")]),
        (("--network=blue", "--mac-address=02:00:00:00:00:0A"), [Wanted("blue", "eth0", mac="02:00:00:00:00:0a")]),
        (
            ("--network=blue:alias=a", "--network=bridge,red", "--network-alias=a", "--network-alias=b"),
            [
                Wanted("blue", "eth0", aliases=("a", "b")),
                Wanted("quilt0", "eth1"),
                Wanted("red", "eth2", aliases=("a", "b")),
            ],
        ),
    ],
)
def test_networks_are_what_the_words_ask_for(words: tuple[str, ...], wanted: list[Wanted]) -> None:
    """In their order, each with an interface; in the spellings of podman."""
    options = options_of(*words)
    network_options.check(options)
    assert list(network_options.members(options)) == wanted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "8080:80"), {"ports": (EIGHTY,)}),
        (
            ("-P", "--expose", "53/udp"),
            {"publish_all": True, "expose": ("80/tcp", "53/udp"), "ports": (any_port(80, "tcp"), any_port(53, "udp"))},
        ),
        (
            ("-P", "--expose", "53/udp", "-p", "8080:80"),
            {"ports": (EIGHTY, any_port(53, "udp"))},
        ),
        (("--expose", "80", "--expose", "81"), {"expose": ("80/tcp", "81/tcp"), "ports": ()}),
        (
            ("--dns", "1.1.1.1", "--dns", "fd00::1", "--dns-search", "x.org", "--dns-search=.", "--dns-opt", "ndots:1"),
            {"dns": ("1.1.1.1", "fd00::1"), "dns_search": ("x.org", "."), "dns_options": ("ndots:1",)},
        ),
        (("--network", "host", "--dns", "1.1.1.1"), {"network": "host", "dns": ("1.1.1.1",)}),
        (("--add-host", "a;b:10.0.0.1"), {"extra_hosts": ("a:10.0.0.1", "b:10.0.0.1")}),
        (("--add-host", "a:fd00::1"), {"extra_hosts": ("a:fd00::1",)}),
        (("--add-host", "a:[fd00::1]"), {"extra_hosts": ("a:fd00::1",)}),
        (("--add-host", "a:host-gateway"), {"extra_hosts": ("a:host-gateway",)}),
        (("--add-host", "a:host-gateway", "--network=host"), {"extra_hosts": ("a:host-gateway",)}),
        (("--no-hosts",), {"no_hosts": True}),
        (("--egress", "deny"), {"egress": ()}),
        (("--egress", "all"), {"egress": EVERYWHERE}),
        (("--egress", "deny", "--egress", "allow=10.0.0.1:53"), {"egress": ("10.0.0.1/32:53",)}),
    ],
)
def test_options_come_to_fields(quilt_root: Paths, words: tuple[str, ...], said: dict[str, Any]) -> None:
    """Each in the spelling that users of docker and podman have in their scripts."""
    found = fields(quilt_root, *words)
    assert {name: found[name] for name in said} == said


@pytest.mark.parametrize("mode", ["none", "host", "container:web"])
def test_ports_that_lead_nowhere_are_dropped_with_a_warning(quilt_root: Paths, capsys: Capture, mode: str) -> None:
    """As in podman, whose sentence it is; where nothing was published nothing is said."""
    assert fields(quilt_root, "--network", mode)["ports"] == ()
    assert capsys.readouterr().err == ""
    for words in (("-p", "8080:80"), ("-P",)):
        assert fields(quilt_root, "--network", mode, *words)["ports"] == ()
        assert capsys.readouterr().err == (
            "Warning: Port mappings have been discarded"
            " as one of the Host, Container, Pod, and None network modes are in use\n"
        )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--network=none", "--network=blue"), "without bridge network mode, selected mode none"),
        (("--network=host", "--network=host"), "selected mode host"),
        (("--network=blue,host",), "cannot stand beside others"),
        (("--network=host:ip=1.2.3.4",), "cannot stand beside others"),
        (("--network=container:",), "container:"),
        (("--network=container",), "cannot stand beside others"),
        (("--network=ns:/x",), "not part of this version"),
        (("--network=slirp4netns",), "not part of this version"),
        (("--network=:ip=1.2.3.4",), "the name is missing"),
        (("--network=blue:",), "unknown"),
        (("--network=blue:speed=9",), "unknown"),
        (("--network=blue:ip",), "unknown"),
        (("--network=blue:ip=1.2.3.4,ip=1.2.3.5",), "given twice"),
        (("--network=blue:ip=fd00::1",), "not of IPv4"),
        (("--network=blue:ip6=1.2.3.4",), "not of IPv6"),
        (("--network=blue:mac=1:2",), "invalid hardware address"),
        (("--network=blue:alias=",), "invalid name"),
        (("--network=blue:interface_name=lo",), "of an interface"),
        (("--network=blue:interface_name=a/b",), "of an interface"),
        (("--network=blue:interface_name=abcdefghijklmnop",), "of an interface"),
        (("--network=blue:interface_name=x", "--network=red:interface_name=x"), "interface x is named twice"),
        (("--network=blue", "--network=blue"), "network blue is named twice"),
        (("--network=bridge", "--network=quilt0"), "network quilt0 is named twice"),
        (("--network=bl\u00fce",), "cannot be the name of a network"),
        (("--ip=1.2.3.4", "--network=blue,red"), "--ip can only be set for a single network"),
        (("--mac-address=02:00:00:00:00:01", "--network=blue,red"), "--mac-address can only be set for a single"),
        (("--ip=1.2.3.4", "--network=none"), "--ip can only be set with bridge mode"),
        (("--ip6=fd00::1", "--network=host"), "--ip6 can only be set with bridge mode"),
        (("--network-alias=x", "--network=container:web"), "--network-alias can only be set with bridge mode"),
        (("--ip=fd00::1",), "not of IPv4"),
        (("--ip6=1.2.3.4",), "not of IPv6"),
        (("--ip=",), "invalid address"),
        (("--ip=1.2.3.4", "--network=blue:ip=1.2.3.4"), "given both"),
        (("--mac-address=01:00:00:00:00:01",), "not one interface's alone"),
        (("--mac-address=00:00:00:00:00:00",), "not one interface's alone"),
        (("--mac-address=02:00:00:00:00:0g",), "invalid hardware address"),
        (("--network-alias=x",), "in quilt0 there are no names"),
        (("--network=bridge:alias=x",), "in quilt0 there are no names"),
        (("--network-alias=a b", "--network=blue"), "invalid name"),
        (("--network-alias=..", "--network=blue"), "invalid name"),
        (("-p", "x"), "invalid port"),
        (("-p", "80:80", "-p", "80:81"), "published twice"),
        (("--network=host", "-p", "x"), "invalid port"),
        (("--expose", "80:80"), "invalid port"),
        (("--dns", "one.one.one.one"), "invalid address"),
        (("--dns-search", "a b"), "invalid --dns-search"),
        (("--dns-option", ""), "invalid --dns-option"),
        (("--network=none", "--dns", "1.1.1.1"), "--dns and --network none cannot"),
        (("--network=container:web", "--dns-search", "x"), "--dns-search and --network container:web cannot"),
        (("--add-host", "a"), "invalid --add-host"),
        (("--add-host", "a:10.0.0.1", "--network=container:web"), "--add-host and --network container:web"),
        (("--add-host", "a:b"), "invalid address"),
        (("--add-host", "a b:1.2.3.4"), "invalid name"),
        (("--add-host", ":1.2.3.4"), "invalid name"),
        (("--add-host", "a:1.2.3.4", "--no-hosts"), "--no-hosts and --add-host cannot"),
        (("--add-host", "a:host-gateway", "--network=none"), "host-gateway and --network none cannot"),
        (("--egress", "maybe"), "invalid --egress"),
        (("--egress", "deny", "--network=none"), "--egress cannot be honoured with --network none"),
        (("--egress", "all", "--network=host"), "--egress cannot be honoured with --network host"),
        (("--egress", "deny", "--network=container:web"), "--egress cannot be honoured with --network container:web"),
        (("--sysctl", "net.core.somaxconn=7", "--network=container:web"), "--network container:web"),
    ],
)
def test_what_cannot_be_honoured_is_refused(words: tuple[str, ...], sentence: str) -> None:
    """A sentence, before a shim is started or a row is written."""
    options = options_of(*words)
    with pytest.raises(errors.UsageError) as caught:
        container_options.check(options)
    assert sentence in str(caught.value)


def test_ports_need_a_way_in(quilt_root: Paths) -> None:
    """In internal networks alone nothing can be published; one that is not there is missed by whoever looks for it."""
    connection = open_to_write(quilt_root)
    add_network(connection, "blue", internal=True)
    add_network(connection, "red")
    with pytest.raises(errors.UsageError, match="cannot publish ports: the network blue is internal"):
        fields(quilt_root, "--network", "blue", "-p", "8080:80")
    assert fields(quilt_root, "--network", "blue,red", "-p", "8080:80")["ports"] == (EIGHTY,)
    assert fields(quilt_root, "--network", "gone", "-p", "8080:80")["ports"] == (EIGHTY,)
    assert fields(quilt_root, "--network", "blue")["ports"] == ()


def test_joined_network_is_known_by_the_full_id(quilt_root: Paths, make: Callable[..., str]) -> None:
    """Who joins a container's network shares the user namespace over it; a host's network stays the host's."""
    pool = find_pool()[0]
    ids = {"userns": "auto", "uid_map": (f"0:{pool}:10",), "gid_map": (f"0:{pool}:10",)}
    owner = make("web", "running", network="bridge", **ids)
    make("outside", "running", network="host")
    connection = open_to_write(quilt_root)

    found = namespace_options.fields(connection, options_of("--network", "container:web", "--hostname", "x"))

    expected = {"network": f"container:{owner}", "pid": "private", **ids, "userns": f"container:{owner}"}
    assert {name: found[name] for name in expected} == expected
    joined = namespace_options.fields(connection, options_of("--network", "container:outside"))
    assert joined["network"] == "host"
    with pytest.raises(errors.NotFound):
        namespace_options.fields(connection, options_of("--network", "container:nobody"))


def test_spec_has_what_the_options_said(quilt_root: Paths) -> None:
    """The fields reach the spec, with the host name that goes with the network."""
    connection = open_to_write(quilt_root)
    options = options_of("-p", "8080:80", "--egress", "deny", "--entrypoint", "x")
    spec = container_options.spec_of(quilt_root, connection, IMAGE, options)
    assert (spec.network, spec.ports, spec.egress, spec.expose) == ("bridge", (EIGHTY,), (), ("80/tcp",))
    assert spec.hostname == spec.id[:12]


def test_every_option_reaches_the_spec() -> None:
    """No declared option is read and then forgotten."""
    text = Path(str(network_options.__file__)).read_text(encoding="utf-8").partition("_ADDRESSES = ")[2]
    keys = [key_of(option) for option in network_options.OPTIONS if isinstance(option, Flag | Option)]
    assert [key for key in keys if f'"{key}"' not in text] == []
