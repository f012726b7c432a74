"""`network rm`, `prune` and `update`: what is refused before the kernel is asked, and in which words."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import cleanup, containers, leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.db.memberships import Membership
from quiltctl.errors import UsageError
from tests.attach import add_app, join

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]


@pytest.fixture
def app(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give the network app, 10.7.0.0/24 and fd00:7::/64."""
    return add_app(quilt_root, database)


@pytest.mark.parametrize("state", ["created", "exited", "running"])
def test_rm_refuses_what_is_in_use(
    call: Call, capsys: Capture, database: sqlite3.Connection, make: Make, app: Network, state: str
) -> None:
    """A container is in its networks whether it runs or not: 2, and the hint says who; one that is missing is less."""
    join(database, make("web", state, network="bridge"), app)
    assert call("network_rm", "nope", "app") == 2
    assert capsys.readouterr().err.splitlines() == [
        'Error: no such network: "nope"',
        "hint: see what there is with: quiltctl network ls",
        'Error: cannot remove network "app": container web is in it',
        "hint: remove first: quiltctl network rm -f app, or quiltctl rm -f web",
    ]
    assert ([network.name for network in networks.list_all(database)], cleanup.all_tasks(database)) == (["app"], [])


def test_rm_has_time_for_those_alone_whom_it_ends(call: Call, app: Network) -> None:
    """Without --force nothing is ended, so there is nothing to wait for."""
    with pytest.raises(UsageError, match="--time needs --force"):
        call("network_rm", "--time", "3", app.name)


def test_rm_waits_for_an_address_that_may_still_answer(
    call: Call, capsys: Capture, quilt_root: Paths, database: sqlite3.Connection, make: Make, app: Network
) -> None:
    """A lease that a crash has left of a container that is gone keeps the network, and gc is named."""
    web = make("web", network="bridge")
    member = Membership(web, app.id, 0, "eth0", None, None, None, "[]")
    with transaction(database):
        memberships.insert(database, member)
        leases.lease(quilt_root, database, app, member)
        leases.release(database, web, cleaned=False)
        containers.delete(database, web, 0)
    assert call("network_rm", "app") == 2
    assert "a container that was removed still has an address" in capsys.readouterr().err


def test_prune_asks_first(call: Call, database: sqlite3.Connection, app: Network) -> None:
    """Where there is no terminal nobody can be asked; and what it cannot filter by is an error."""
    with pytest.raises(UsageError, match="nobody can be asked"):
        call("network_prune")
    with pytest.raises(UsageError, match="invalid filter"):
        call("network_prune", "-f", "--filter", "name=app")
    assert networks.list_all(database) == [app]


def test_prune_that_is_answered_with_no_leaves_everything(
    call: Call, capsys: Capture, database: sqlite3.Connection, app: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal it asks, and whatever is no yes is a no."""
    ours_fd, terminal_fd = os.openpty()
    with open(terminal_fd, encoding="utf-8") as terminal, open(ours_fd, "wb", buffering=0) as ours:
        ours.write(b"n\n")
        monkeypatch.setattr("sys.stdin", terminal)
        assert call("network_prune") == 0
    assert capsys.readouterr() == ("", "Remove all networks that no container is in? [y/N] ")
    assert networks.list_all(database) == [app]


def config(connection: sqlite3.Connection, network: Network) -> dict[str, Any]:
    """Return labels, options, dns and egress, as they are now."""
    now = networks.get(connection, network.id)
    assert now is not None
    document: dict[str, Any] = json.loads(now.config)
    return document


def test_update_of_name_servers(call: Call, database: sqlite3.Connection, app: Network) -> None:
    """They are added and dropped, each once; one that is not there cannot be dropped."""
    call("network_update", "--dns-add", "198.18.0.1", "--dns-add", "fd00:0::53", "--dns-add", "198.18.0.1", "app")
    assert config(database, app)["dns"] == ["198.18.0.1", "fd00::53"]
    call("network_update", "--dns-drop", "198.18.0.1", "--dns-add", "198.18.0.2", "app")
    assert config(database, app)["dns"] == ["fd00::53", "198.18.0.2"]
    with pytest.raises(UsageError, match=r"network app has no name server 198\.18\.0\.1"):
        call("network_update", "--dns-drop", "198.18.0.1", "app")
    with pytest.raises(UsageError, match="nothing to change"):
        call("network_update", "app")
