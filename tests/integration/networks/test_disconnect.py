"""`network disconnect` against a kernel: the address is free when nothing leads there any more, and no sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import containers, lease_views, leases
from quiltctl.db.connection import transaction
from quiltctl.errors import KernelError
from quiltctl.runtime.lifecycle import apply_network
from tests.attach import join, lease_states, memberships_of, network_events, port
from tests.interfaces import nft, no_right_to_networks, policies, ports_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]
    Start = Callable[..., Any]

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")


@pytest.mark.usefixtures("back")
def test_disconnect_takes_the_wire_and_returns_the_address(
    call: Call, database: sqlite3.Connection, start: Start, app: Network
) -> None:
    """Another network becomes the way out, and the interface's name is free for the next one."""
    web = start("web")
    call("network_connect", "app", "web")
    call("network_connect", "back", "web")
    assert call("network_disconnect", "app", "web") == 0
    assert (web.addresses(), web.way_out(), ports_of(app.bridge)) == ({"eth1": ["10.8.0.2"]}, ["10.8.0.1"], [])
    assert lease_states(database) == [("10.7.0.2", "cleaned"), ("10.8.0.2", "active")]
    call("network_connect", "app", "web")
    assert [row[:2] for row in memberships_of(database, web.id)] == [(1, "eth1"), (2, "eth0")]
    assert web.addresses() == {"eth0": ["10.7.0.3", "fd00:7::3"], "eth1": ["10.8.0.2"]}
    assert network_events(database) == ["connect app", "connect back", "disconnect app", "connect app"]


@pytest.mark.usefixtures("back")
def test_disconnect_takes_the_policy_along(call: Call, quilt_root: Paths, start: Start) -> None:
    """Nothing in the firewall speaks of the address any more, nor of the wire."""
    start("web")
    call("network_connect", "back", "web")
    assert list(policies(quilt_root)) == ["10.8.0.2"]
    call("network_disconnect", "back", "web")
    assert policies(quilt_root) == {}
    assert "only-" not in nft("list ruleset")


@pytest.mark.usefixtures("app")
def test_disconnect_is_told_to_the_neighbours(call: Call, start: Start) -> None:
    """They do not find it by its name any more."""
    start("web")
    db = start("db")
    call("network_connect", "app", "web")
    call("network_connect", "app", "db")
    assert any("web" in line.split() for line in db.hosts())
    call("network_disconnect", "app", "web")
    assert not any("web" in line.split() for line in db.hosts())


def test_disconnect_by_force_lets_ports_lead_nowhere(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, start: Start, app: Network
) -> None:
    """What led to the container is taken out of the firewall, and the address is free."""
    web = start("web")
    with transaction(database):
        leases.lease(quilt_root, database, app, join(database, web.id, app), ports=[port(8080, 80)])
    (endpoint,) = lease_views.endpoints_of(database, web.id)
    container = containers.get(database, web.id)
    assert container is not None
    apply_network.wire(quilt_root, database, endpoint, container)
    assert "8080" in nft("list ruleset")
    assert call("network_disconnect", "--force", "app", "web") == 0
    assert "8080" not in nft("list ruleset")
    assert (web.addresses(), lease_states(database)) == ({}, [("10.7.0.2", "cleaned")])


@pytest.mark.usefixtures("app")
def test_disconnect_that_the_kernel_refuses_keeps_the_address(
    call: Call, capsys: Capture, database: sqlite3.Connection, start: Start
) -> None:
    """Nobody else gets it before gc has made sure; to do it again finishes it."""
    web = start("web")
    call("network_connect", "app", "web")
    with no_right_to_networks(), pytest.raises(PermissionError, match="netlink delete"):
        call("network_disconnect", "app", "web")
    assert lease_states(database) == [("10.7.0.2", "cleanup_pending")]
    assert web.addresses() == {"eth0": ["10.7.0.2", "fd00:7::2"]}
    assert call("network_rm", "app") == 2
    assert "container web is in it" in capsys.readouterr().err
    assert call("network_disconnect", "app", "web") == 0
    assert (web.addresses(), lease_states(database)) == ({}, [("10.7.0.2", "cleaned")])


def test_connect_beside_what_is_left_has_another_address(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, start: Start, back: Network
) -> None:
    """What could not be taken away keeps its address, and disconnect takes both."""
    web = start("web")
    call("network_connect", "back", "web")
    (endpoint,) = lease_views.endpoints_of(database, web.id)
    table = f"inet {quilt_root.nft_table}"
    nft(f"add chain {table} stranger", f"add rule {table} stranger jump only-{endpoint.host_interface}")
    with pytest.raises(KernelError, match="busy"):  # somebody else's rule leads to the chain of its policy
        call("network_disconnect", "back", "web")
    call("network_connect", "back", "web")
    assert lease_states(database) == [("10.8.0.2", "cleanup_pending"), ("10.8.0.3", "active")]
    assert web.addresses() == {"eth0": ["10.8.0.3"]}
    nft(f"delete chain {table} stranger")
    call("network_disconnect", "back", "web")
    assert {state for _, state in lease_states(database)} == {"cleaned"}
    assert (web.addresses(), ports_of(back.bridge), policies(quilt_root)) == ({}, [], {})


@pytest.mark.usefixtures("app")
def test_connect_where_the_old_interface_is_left_is_undone(
    call: Call, database: sqlite3.Connection, start: Start
) -> None:
    """The name of the interface is not free inside: only a disconnect that succeeds, or gc, makes it so."""
    web = start("web")
    call("network_connect", "app", "web")
    with no_right_to_networks(), pytest.raises(PermissionError):
        call("network_disconnect", "app", "web")
    with pytest.raises(FileExistsError, match="netlink veth"):
        call("network_connect", "app", "web")
    assert lease_states(database) == [("10.7.0.2", "cleanup_pending"), ("10.7.0.3", "cleaned")]
    assert (memberships_of(database, web.id), web.addresses()) == ([], {"eth0": ["10.7.0.2", "fd00:7::2"]})
    call("network_disconnect", "app", "web")
    assert (web.addresses(), lease_states(database)[0]) == ({}, ("10.7.0.2", "cleaned"))
