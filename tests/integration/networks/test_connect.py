"""`network connect` against a kernel: what a container that runs has when it returns, and what is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import lease_views, memberships, networks
from tests.attach import lease_states, memberships_of
from tests.interfaces import addresses, ip, kinds, no_right_to_networks, policies, ports_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Call = Callable[..., int]
    Start = Callable[..., Any]

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")


@pytest.mark.usefixtures("back")
def test_connect_of_a_running_container(
    call: Call, database: sqlite3.Connection, quilt_root: Paths, start: Start, app: Network, back: Network
) -> None:
    """It has interfaces and the way out of its first network when the verb returns, and is held to what they say."""
    web = start("web")
    assert call("network_connect", "--ip6", "fd00:7::00ff", "app", "web") == 0
    assert call("network_connect", "--mac-address", "02-42-0A-00-00-09", "back", "web") == 0
    assert web.addresses() == {"eth0": ["10.7.0.2", "fd00:7::ff"], "eth1": ["10.8.0.2"]}
    assert (web.way_out(), web.mac("eth1")) == (["10.7.0.1"], "02:42:0a:00:00:09")
    assert addresses()[app.bridge] == ["10.7.0.1", "fd00:7::1"]
    assert ports_of(app.bridge) + ports_of(back.bridge) == [
        one.host_interface for one in lease_views.endpoints_of(database, web.id)
    ]
    assert policies(quilt_root) == {"10.8.0.2": ["ip daddr 10.0.0.0-10.255.255.255 accept", "goto refuse"]}
    assert lease_states(database) == [("10.7.0.2", "active"), ("10.8.0.2", "active")]


@pytest.mark.usefixtures("app")
def test_connect_tells_the_neighbours(call: Call, start: Start) -> None:
    """Each finds the other by its names when the verb returns."""
    web, db = start("web"), start("db")
    call("network_connect", "app", "web")
    call("network_connect", "--alias", "sql", "app", "db")
    assert any({"10.7.0.3", "db", "sql"} <= {*line.split()} for line in web.hosts())
    assert any({"10.7.0.2", "web"} <= {*line.split()} for line in db.hosts())


@pytest.mark.usefixtures("back")
def test_connect_keeps_a_policy_of_the_containers_own(call: Call, quilt_root: Paths, start: Start) -> None:
    """What the container was made with goes before what the network says."""
    start("web", egress=())
    call("network_connect", "back", "web")
    assert policies(quilt_root) == {"10.8.0.2": ["goto refuse"]}


def test_connect_beside_what_has_the_bridges_name_is_undone(
    call: Call, database: sqlite3.Connection, start: Start, app: Network
) -> None:
    """The kernel lets nobody be a port of what is no bridge: the container is not in the network, its address free."""
    web = start("web")
    ip(f"link add {app.bridge} type veth peer name other")
    with pytest.raises(OSError, match="netlink veth"):
        call("network_connect", "app", "web")
    assert (memberships_of(database, web.id), lease_states(database)) == ([], [("10.7.0.2", "cleaned")])
    assert (kinds(), web.addresses()) == ({app.bridge: "veth", "other": "veth"}, {})


@pytest.mark.usefixtures("app")
def test_connect_of_who_has_just_ended_is_undone(call: Call, database: sqlite3.Connection, start: Start) -> None:
    """Who has the number of the container's process by now gets no wire, and nothing is left of it here."""
    web = start("web", facts={"pid_started": 7})
    with pytest.raises(ProcessLookupError, match="has ended"):
        call("network_connect", "app", "web")
    assert (memberships_of(database, web.id), lease_states(database)) == ([], [("10.7.0.2", "cleaned")])
    assert (kinds(), web.addresses()) == ({}, {})


@pytest.mark.usefixtures("app")
def test_connect_that_cannot_be_undone_keeps_its_address(
    call: Call, database: sqlite3.Connection, start: Start
) -> None:
    """The container is not in the network, and its address waits for gc to look after what may be there."""
    web = start("web")
    with no_right_to_networks(), pytest.raises(PermissionError, match="netlink bridge"):
        call("network_connect", "app", "web")
    assert (memberships_of(database, web.id), lease_states(database)) == ([], [("10.7.0.2", "cleanup_pending")])
    assert kinds() == {}


def test_connect_makes_the_default_network(call: Call, database: sqlite3.Connection, start: Start) -> None:
    """As run does: the first who asks for it makes it, by any of its names, where this host has no such routes yet."""
    ip("link add other type bridge", "addr add 10.42.0.1/16 dev other", "link set other up")
    web = start("web")
    call("network_connect", "bridge", "web")
    found = networks.named(database, "quilt0")
    assert found is not None
    assert [member.network_id for member in memberships.of_container(database, web.id)] == [found.id]
    assert (found.subnet, web.addresses()) == ("10.43.0.0/16", {"eth0": ["10.43.0.2"]})
