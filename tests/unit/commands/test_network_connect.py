"""`network connect` and `disconnect` of containers that do not run: the rows that they write, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.errors import Conflict, NotFound, UsageError, WrongState
from tests.attach import (
    add_app,
    add_back,
    attach,
    lease_states,
    memberships_of,
    network_events,
    port,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]


@pytest.fixture
def app(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give the network app, 10.7.0.0/24 and fd00:7::/64."""
    return add_app(quilt_root, database)


@pytest.fixture
def back(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give the network back, 10.8.0.0/24, behind whose policy there is one destination alone."""
    return add_back(quilt_root, database)


@pytest.mark.usefixtures("app", "back")
def test_connect_of_a_stopped_container(call: Call, database: sqlite3.Connection, make: Make) -> None:
    """It is in the networks from its next start on, with what it asks for there; nothing is leased now."""
    web = make("web", network="bridge")
    assert call("network_connect", "--alias", "w", "--alias", "www", "--ip", "10.7.0.9", "app", "web") == 0
    assert call("network_connect", "--mac-address", "02-42-0A-00-00-09", "back", web[:12]) == 0
    assert memberships_of(database, web) == [
        (0, "eth0", "10.7.0.9", None, None, '["w", "www"]'),
        (1, "eth1", None, None, "02:42:0a:00:00:09", "[]"),
    ]
    assert lease_states(database) == []
    assert network_events(database) == ["connect app", "connect back"]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--ip", "10.9.0.1"), "none that a container can have in 10.7.0.0/24"),
        (("--ip", "10.7.0.1"), "none that a container can have in 10.7.0.0/24"),
        (("--ip6", "fd00:8::9"), "none that a container can have in fd00:7::/64"),
        (("--ip", "fd00:7::9"), "none that a container can have in 10.7.0.0/24"),
        (("--mac-address", "02:42:0a"), "invalid hardware address"),
        (("--mac-address", "03:42:0a:00:00:09"), "invalid hardware address"),
        (("--mac-address", "00:00:00:00:00:00"), "invalid hardware address"),
        (("--alias", "a b"), "cannot be the name of a network alias"),
    ],
)
def test_connect_refuses_what_cannot_be(
    call: Call, database: sqlite3.Connection, make: Make, words: tuple[str, ...], why: str
) -> None:
    """What no interface can have is an error, and the container is not in the network."""
    web = make("web", network="bridge")
    with pytest.raises(UsageError, match=why):
        call("network_connect", *words, "app", "web")
    assert memberships_of(database, web) == []


@pytest.mark.usefixtures("app", "back")
def test_connect_refuses_who_cannot_be_in_it(call: Call, database: sqlite3.Connection, make: Make) -> None:
    """Who is in it already, who has no networks, who is just starting, and who is not there."""
    make("web", network="bridge")
    call("network_connect", "app", "web")
    with pytest.raises(Conflict, match="it is in that network already"):
        call("network_connect", "app", "web")
    with pytest.raises(UsageError, match="there can be no --ip6"):
        call("network_connect", "--ip6", "fd00::9", "back", "web")
    for mode in ("none", "host"):
        make(mode, network=mode)
        with pytest.raises(UsageError, match=f"it was made with --network {mode}"):
            call("network_connect", "app", mode)
    make("early", "starting", network="bridge")
    with pytest.raises(WrongState, match="it is being started"):
        call("network_connect", "app", "early")
    with pytest.raises(NotFound, match='no such container: "nope"'):
        call("network_connect", "app", "nope")
    with pytest.raises(NotFound, match='no such network: "nope"'):
        call("network_connect", "nope", "web")
    assert len(database.execute("SELECT 1 FROM network_memberships").fetchall()) == 1


@pytest.mark.usefixtures("app")
def test_disconnect_of_who_is_not_in_it(call: Call, make: Make) -> None:
    """It is told, but for --force."""
    make("web", network="bridge")
    with pytest.raises(WrongState, match="container web is not in network app"):
        call("network_disconnect", "app", "web")
    assert call("network_disconnect", "-f", "app", "web") == 0


@pytest.mark.usefixtures("app")
def test_disconnect_where_ports_lead_in_is_refused(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, make: Make
) -> None:
    """They would lead nowhere: that has to be wanted. It is in the network as before."""
    web = make("web", "running", network="bridge")
    attach(quilt_root, database, web, "app", ports=[port(8080, 80)])
    with pytest.raises(WrongState, match="its published ports lead in there"):
        call("network_disconnect", "app", "web")
    assert lease_states(database) == [("10.7.0.2", "active")]
    assert len(memberships_of(database, web)) == 1


@pytest.mark.usefixtures("app")
def test_disconnect_of_who_is_starting_is_refused(call: Call, make: Make) -> None:
    """Nobody knows yet what it has."""
    make("early", "starting", network="bridge")
    with pytest.raises(WrongState, match="it is being started"):
        call("network_disconnect", "app", "early")
