"""What `inspect` says of a container's networks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db.connection import open_to_write
from tests.attach import add_network, attach, join, port

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

NOWHERE: dict[str, Any] = {
    "EndpointID": "",
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "MacAddress": "",
}
NOTHING = {**NOWHERE, "Bridge": "", "SandboxID": "", "SandboxKey": "", "Ports": {}, "Networks": {}}
FREE: dict[str, Any] = {"DriverOpts": None, "IPAMConfig": None, "Links": None, "Aliases": []}


def document(call: Call, capsys: Capture) -> Any:
    """Return what inspect prints of web."""
    assert call("inspect", "web") == 0
    return json.loads(capsys.readouterr().out)[0]


def test_container_without_a_network_has_empty_settings(call: Call, capsys: Capture, make: Make) -> None:
    """Every key is there, so that a template does not fail."""
    make("web", "running")
    assert document(call, capsys)["NetworkSettings"] == NOTHING


def test_running_container_has_addresses_and_ports(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """Those of its leases; the first network's stand at the top too, and exposed ports lead from nowhere."""
    connection = open_to_write(quilt_root)
    web = make("web", "running", network="bridge", expose=("80/tcp", "53/udp"))
    ports = [port(8080, 80), port(8081, 80, "tcp", "127.0.0.1")]
    attach(quilt_root, connection, web, "blue", ports=ports, ip6=True, ip="10.89.1.7", aliases=("db",))
    attach(quilt_root, connection, web, "red", internal=True, mac="02:00:00:00:00:07")

    settings = document(call, capsys)["NetworkSettings"]

    blue = {
        "EndpointID": quilt_root.host_interface(1),
        "Gateway": "10.89.1.1",
        "IPAddress": "10.89.1.7",
        "IPPrefixLen": 24,
        "IPv6Gateway": "fd00:1::1",
        "GlobalIPv6Address": "fd00:1::7",
        "GlobalIPv6PrefixLen": 64,
        "MacAddress": "02:42:0a:59:01:07",
    }
    red = {
        **NOWHERE,
        "EndpointID": quilt_root.host_interface(2),
        "IPAddress": "10.89.2.2",
        "IPPrefixLen": 24,
        "MacAddress": "02:00:00:00:00:07",
    }
    assert settings == {
        **NOTHING,
        **blue,
        "Ports": {
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "8081"}],
            "53/udp": None,
        },
        "Networks": {
            "blue": {
                **blue,
                **FREE,
                "NetworkID": f"{1:064x}",
                "IPAMConfig": {"IPv4Address": "10.89.1.7"},
                "Aliases": ["db"],
            },
            "red": {**red, **FREE, "NetworkID": f"{2:064x}"},
        },
    }


@pytest.mark.parametrize("given", [{"state": "exited"}, {"state": "running", "lost": True}])
def test_stopped_container_is_in_its_networks_without_addresses(
    call: Call, capsys: Capture, make: Make, quilt_root: Paths, given: dict[str, Any]
) -> None:
    """What it asks for there is kept; a lease that waits for gc is not its own any more."""
    connection = open_to_write(quilt_root)
    web = make("web", network="bridge", expose=("80/tcp",), **given)
    attach(quilt_root, connection, web, "blue", ports=[port(8080, 80)])
    join(connection, web, add_network(connection, "red"), ip="10.89.2.7", ip6="fd00::7")

    settings = document(call, capsys)["NetworkSettings"]

    asked = {"IPv4Address": "10.89.2.7", "IPv6Address": "fd00::7"}
    assert settings == {
        **NOTHING,
        "Networks": {
            "blue": {**NOWHERE, **FREE, "NetworkID": f"{1:064x}"},
            "red": {**NOWHERE, **FREE, "NetworkID": f"{2:064x}", "IPAMConfig": asked},
        },
    }


def test_inspect_tells_what_was_asked_for(call: Call, capsys: Capture, make: Make) -> None:
    """Ports, names and policy as `run` was told them; a port that any may lead to is empty."""
    make(
        "web",
        network="bridge",
        ports=(port(8080, 80), port(0, 53, "udp", "127.0.0.1")),
        expose=("80/tcp",),
        publish_all=True,
        dns=("1.1.1.1",),
        dns_search=("x.org",),
        dns_options=("ndots:1",),
        extra_hosts=("a:10.0.0.1",),
        egress=("10.0.0.0/8",),
    )

    web = document(call, capsys)

    told = ("NetworkMode", "PortBindings", "PublishAllPorts", "Dns", "DnsSearch", "DnsOptions", "ExtraHosts", "Egress")
    assert {key: web["HostConfig"][key] for key in told} == {
        "NetworkMode": "bridge",
        "PortBindings": {
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
        },
        "PublishAllPorts": True,
        "Dns": ["1.1.1.1"],
        "DnsSearch": ["x.org"],
        "DnsOptions": ["ndots:1"],
        "ExtraHosts": ["a:10.0.0.1"],
        "Egress": ["10.0.0.0/8"],
    }
    assert web["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert web["ResolvConfPath"].endswith("/resolv.conf")
    assert web["HostsPath"].endswith("/hosts")


def test_files_that_are_not_made_have_no_path(call: Call, capsys: Capture, make: Make) -> None:
    """The image's own hosts, and no resolver without a network."""
    make("web", network="none", no_hosts=True)
    web = document(call, capsys)
    assert (web["HostsPath"], web["ResolvConfPath"]) == ("", "")


@pytest.mark.parametrize(("egress", "told"), [(None, None), ((), [])])
def test_inspect_tells_no_policy_from_one_that_allows_nothing(
    call: Call, capsys: Capture, make: Make, egress: tuple[str, ...] | None, told: list[str] | None
) -> None:
    """Null is what the networks say."""
    make("web", network="bridge", egress=egress)
    assert document(call, capsys)["HostConfig"]["Egress"] == told


def test_template_may_ask_for_a_network_or_a_port(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """In the lines that scripts have."""
    attach(quilt_root, open_to_write(quilt_root), make("web", "running"), "blue", ports=[port(8080, 80)])
    for template in (
        "{{.NetworkSettings.Networks.blue.IPAddress}}",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}',
    ):
        call("inspect", "--format", template, "web")
    assert capsys.readouterr().out.splitlines() == ["10.89.1.2", "10.89.1.2", "8080"]
