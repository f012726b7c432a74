"""`network ls`, `inspect` and `exists`: what is shown of networks, and which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import leases, memberships, networks
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.db.memberships import Membership
from quiltctl.errors import UsageError
from quiltctl.runtime.lifecycle import create_network

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

CREATED = 1_700_000_000 * 10**9


@pytest.fixture
def three(quilt_root: Paths, database: sqlite3.Connection, make: Make) -> dict[str, Network]:
    """Give three networks: the default one; app, where web runs and old has ended; db, internal, with IPv6."""
    made = {}
    with transaction(database):
        made["quilt0"] = create_network.default(quilt_root, database, ())
        made["app"] = create_network.create(
            quilt_root,
            database,
            "app",
            routes=(),
            labels={"ci": "yes", "team": "x"},
            ip_range=None,
            options={"mtu": "0"},
        )
        made["db"] = create_network.create(
            quilt_root, database, "db", routes=(), labels={"ci": "no"}, internal=True, subnet="10.7.0.0/24",
            ip_range="10.7.0.5-10.7.0.9", subnet6="fd00:7::/64", dns=("198.18.0.53",), egress=("10.0.0.0/8",), mtu=1400,
        )  # fmt: skip
        for day, name in enumerate(("quilt0", "app", "db")):
            networks.change(database, made[name].id, created_at=CREATED + day * 86400 * 10**9)
    for name, state in (("web", "running"), ("old", "exited"), ("lost", "running")):
        container_id = make(name, state, lost=name == "lost", network="bridge")
        member = Membership(container_id, made["app"].id, 0, "eth0", None, None, None, "[]")
        with transaction(database):
            memberships.insert(database, member)
            if state == "running":
                leases.lease(quilt_root, database, made["app"], member)
    return made


def names(capsys: Capture) -> list[str]:
    """Return what was printed, line by line."""
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("three")
def test_ls_is_a_table_by_name(call: Call, capsys: Capture, three: dict[str, Network]) -> None:
    """The columns of podman, sorted by name, ids cut short or whole."""
    assert call("network_ls") == 0
    assert [line.split() for line in names(capsys)] == [
        ["NETWORK", "ID", "NAME", "DRIVER"],
        *([three[name].id[:12], name, "bridge"] for name in ("app", "db", "quilt0")),
    ]
    call("network_ls", "--no-trunc", "-n", "-f", "name=app")
    assert names(capsys) == [f"{three['app'].id}  app         bridge"]


@pytest.mark.usefixtures("three")
def test_ls_quiet_prints_names(call: Call, capsys: Capture) -> None:
    """As podman has it: names alone."""
    call("network_ls", "-q")
    assert names(capsys) == ["app", "db", "quilt0"]


@pytest.mark.usefixtures("three")
def test_ls_goes_through_a_template(call: Call, capsys: Capture) -> None:
    """The fields that podman and docker have, by their names."""
    fields = [
        "Name",
        "Driver",
        "Scope",
        "Internal",
        "IPv6",
        "DNSEnabled",
        "Subnets",
        "Containers",
        "Labels",
        "CreatedAt",
    ]
    call("network_ls", "--format", "|".join(f"{{{{.{field}}}}}" for field in fields))
    assert names(capsys) == [
        "app|bridge|local|false|false|true|[10.89.0.0/24]|[lost old web]|map[ci:yes team:x]|2023-11-15T22:13:20Z",
        "db|bridge|local|true|true|true|[10.7.0.0/24 fd00:7::/64]|[]|map[ci:no]|2023-11-16T22:13:20Z",
        "quilt0|bridge|local|false|false|false|[10.42.0.0/16]|[]|map[]|2023-11-14T22:13:20Z",
    ]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("name=app name=db", "app db"),
        ("name=^a", "app"),
        ("name=quilt", "quilt0"),
        ("driver=bridge", "app db quilt0"),
        ("driver=macvlan", ""),
        ("label=ci", "app db"),
        ("label=ci label=team=x", "app"),
        ("label!=ci=yes", "db quilt0"),
        ("internal=true", "db"),
        ("internal=false", "app quilt0"),
        ("dangling=true", "db"),
        ("dangling=0", "app quilt0"),
        ("dangling=true dangling=false", "app db quilt0"),
        ("until=2023-11-16T00:00:00Z", "app quilt0"),
        ("until=2023-11-16T00:00:00Z name=app", "app"),
    ],
)
def test_ls_filters(call: Call, capsys: Capture, words: str, shown: str) -> None:
    """Filters of one key are alternatives, labels and different keys must all hold."""
    flags = [part for word in words.split() for part in ("--filter", word)]
    assert call("network_ls", "-q", *flags) == 0
    assert " ".join(names(capsys)) == shown


def test_ls_filters_by_id(call: Call, capsys: Capture, three: dict[str, Network]) -> None:
    """The beginning of an id is enough."""
    call("network_ls", "-q", "--filter", f"id={three['db'].id[:12]}")
    assert names(capsys) == ["db"]


@pytest.mark.parametrize(
    ("word", "why"),
    [("colour=red", "invalid filter"), ("name", "invalid filter"), ("internal=maybe", "neither true nor false")],
)
def test_ls_refuses_filters(call: Call, word: str, why: str) -> None:
    """What is no filter is told, also where there is no network."""
    with pytest.raises(UsageError, match=why):
        call("network_ls", "--filter", word)


def test_ls_without_a_database_is_empty(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """Looking makes nothing: no network, and no database either."""
    assert call("network_ls", "--json") == 0
    assert capsys.readouterr().out == "[]\n"
    with pytest.raises(FileNotFoundError):
        open(quilt_root.database, "rb").close()


def test_inspect_is_podmans_shape(call: Call, capsys: Capture, three: dict[str, Network]) -> None:
    """Everything about a network; keys as podman writes them, with ours after them."""
    assert call("network_inspect", "db") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "db",
            "id": three["db"].id,
            "driver": "bridge",
            "network_interface": three["db"].bridge,
            "created": "2023-11-16T22:13:20Z",
            "subnets": [
                {
                    "subnet": "10.7.0.0/24",
                    "gateway": "10.7.0.1",
                    "lease_range": {"start_ip": "10.7.0.5", "end_ip": "10.7.0.9"},
                },
                {"subnet": "fd00:7::/64", "gateway": "fd00:7::1", "lease_range": None},
            ],
            "ipv6_enabled": True,
            "internal": True,
            "dns_enabled": True,
            "network_dns_servers": ["198.18.0.53"],
            "labels": {"ci": "no"},
            "options": {},
            "ipam_options": {"driver": "host-local"},
            "nat": True,
            "mtu": 1400,
            "egress": ["10.0.0.0/8"],
            "containers": {},
        }
    ]


@pytest.mark.usefixtures("three")
def test_inspect_shows_who_runs_in_it(call: Call, capsys: Capture) -> None:
    """Not who has ended, nor who the row calls running and the kernel knows nothing of."""
    call("network_inspect", "app")
    found = json.loads(capsys.readouterr().out)[0]["containers"]
    assert found == {
        "1".ljust(64, "0"): {
            "name": "web",
            "interfaces": {
                "eth0": {
                    "subnets": [{"ipnet": "10.89.0.2/24", "gateway": "10.89.0.1"}],
                    "mac_address": "02:42:0a:59:00:02",
                }
            },
        }
    }


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{.Name}} {{.Driver}} {{.Internal}} {{.IPv6Enabled}} {{.DNSEnabled}}", "db bridge true true true"),
        ("{{range .Subnets}}{{.Subnet}} {{.Gateway}};{{end}}", "10.7.0.0/24 10.7.0.1;fd00:7::/64 fd00:7::1;"),
        ("{{with index .Subnets 0}}{{.LeaseRange.StartIP}}{{end}}", "10.7.0.5"),
        ('{{.Labels.ci}}{{index .Labels "ci"}} {{json .Labels}}', 'nono {"ci":"no"}'),
        ("{{len .Containers}} {{.NetworkDNSServers}}", "0 [198.18.0.53]"),
        ("{{.name}} {{.ipv6_enabled}}", "db true"),
    ],
)
def test_inspect_goes_through_a_template(call: Call, capsys: Capture, template: str, shown: str) -> None:
    """Templates ask by the names of Go, and by those of the JSON."""
    assert call("network_inspect", "--format", template, "db") == 0
    assert names(capsys) == [shown]


@pytest.mark.usefixtures("three")
def test_inspect_by_any_verb_and_word(call: Call, capsys: Capture) -> None:
    """A network is found by `inspect` after containers and images; bridge is docker's word for the default one."""
    for words in (("network_inspect", "bridge"), ("inspect", "quilt0"), ("inspect", "--type", "network", "default")):
        assert call(*words, "--format", "{{.Name}}") == 0
    assert names(capsys) == ["quilt0"] * 3


@pytest.mark.usefixtures("three")
def test_inspect_tells_what_is_missing(call: Call, capsys: Capture) -> None:
    """An empty array, the error after it, and 125; a container is no network."""
    for word in ("nope", "web"):
        assert call("network_inspect", word) == 125
        out, err = capsys.readouterr()
        assert (out, err.splitlines()[0]) == ("[]\n", f'Error: no such network: "{word}"')


def test_exists_tells_by_the_code(call: Call, capsys: Capture, three: dict[str, Network]) -> None:
    """By name, by id and by its beginning; nothing is printed."""
    found = [call("network_exists", word) for word in ("app", three["app"].id, three["app"].id[:9], "nope", "web")]
    assert (found, capsys.readouterr()) == ([0, 0, 0, 1, 1], ("", ""))


def test_network_events_are_filtered(call: Call, capsys: Capture, quilt_root: Paths, three: dict[str, Network]) -> None:
    """By type, by the network's name, and by its id."""
    connection = open_to_write(quilt_root)
    with transaction(connection):
        networks.delete(connection, three["db"].id)

    def told(*filters: str) -> list[Any]:
        flags = [part for word in filters for part in ("--filter", word)]
        call("events", "--since", "1h", "--stream=false", "--format", "{{.Status}} {{.Name}}", *flags)
        return names(capsys)

    assert told("type=network", "event=create") == ["create quilt0", "create app", "create db"]
    assert told("network=db") == ["create db", "remove db"]
    assert told(f"network={three['app'].id[:12]}", "event=create") == ["create app"]
