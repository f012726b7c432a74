"""`network rm` and `prune` against a kernel: rows and bridges go, in which order, and what gc has to finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import cleanup, containers, networks
from quiltctl.db.connection import transaction
from quiltctl.errors import Conflict
from quiltctl.runtime.lifecycle import create_network, gc
from tests.attach import join, network_events
from tests.interfaces import kinds, nft, no_right_to_networks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]
    Create = Callable[..., str]
    Start = Callable[..., Any]

pytestmark = pytest.mark.needs("root", "ip", "nft")


@pytest.fixture
def bridges(call: Call, start: Start, app: Network, database: sqlite3.Connection) -> Network:
    """Give the network app with a bridge and rules, where web has been in it, and is not any more."""
    start("web")
    call("network_connect", "app", "web")
    call("network_disconnect", "app", "web")
    database.execute("DELETE FROM events WHERE action <> 'create'")
    return app


@pytest.mark.usefixtures("bridges")
def test_rm_removes_rows_bridges_and_rules(
    call: Call, capsys: Capture, database: sqlite3.Connection, quilt_root: Paths
) -> None:
    """Names are printed as they were given, also of a network that never had a bridge; no task and no table is left."""
    with transaction(database):
        other = create_network.create(quilt_root, database, "other", routes=())
    assert quilt_root.nft_table in nft("list tables")
    assert call("network_rm", "app", other.id[:12]) == 0
    assert capsys.readouterr() == (f"app\n{other.id[:12]}\n", "")
    assert (kinds(), nft("list tables")) == ({}, "")
    assert (networks.list_all(database), cleanup.all_tasks(database)) == ([], [])
    assert network_events(database) == ["remove app", "remove other"]


@pytest.mark.usefixtures("bridges")
def test_rm_of_what_is_missing(call: Call, capsys: Capture, database: sqlite3.Connection) -> None:
    """One that does not exist is 1, and keeps nobody else from going."""
    assert call("network_rm", "nope", "app") == 1
    assert capsys.readouterr() == (
        "app\n",
        'Error: no such network: "nope"\nhint: see what there is with: quiltctl network ls\n',
    )
    assert (networks.list_all(database), kinds()) == ([], {})


@pytest.mark.usefixtures("app")
def test_rm_force_removes_the_containers_too(
    call: Call, capsys: Capture, database: sqlite3.Connection, start: Start, create: Create
) -> None:
    """Those in it go before it, killed if they run; those elsewhere stay."""
    web = start("web")
    start("other")
    create("db")
    call("network_connect", "app", "web")
    call("network_connect", "app", "db")
    assert call("network_rm", "-f", "app") == 0
    assert capsys.readouterr() == ("app\n", "")
    assert [container.name for container in containers.list_all(database)] == ["other"]
    assert web.end() == -9
    assert [kind for kind in kinds().values() if kind == "bridge"] == []


def test_rm_that_fails_half_way_is_finished_by_gc(
    call: Call, capsys: Capture, quilt_root: Paths, database: sqlite3.Connection, bridges: Network
) -> None:
    """The row is gone, the task remains and keeps the bridge's name from others, and gc does the rest."""
    with no_right_to_networks():
        assert call("network_rm", "app") == 125
    said = capsys.readouterr().err
    assert f"cannot remove the bridge {bridges.bridge}: Operation not permitted" in said
    assert said.endswith("hint: it will be tried again by: quiltctl gc\n")
    tasks = [(task.type, task.resource, task.state) for task in cleanup.open_tasks(database)]
    assert tasks == [("network", f"bridge {bridges.bridge}", "failed")]
    assert kinds() == {bridges.bridge: "bridge"}
    with transaction(database):
        other = create_network.create(quilt_root, database, "app", routes=(), subnet="10.7.0.0/24")
        with pytest.raises(Conflict, match="not removed completely yet"):
            create_network.create(quilt_root, database, "x", routes=(), bridge=bridges.bridge)
    assert other.bridge != bridges.bridge
    found = gc.retry_tasks(quilt_root, database)
    assert [(finding.kind, finding.problem) for finding in found] == [("network", "")]
    assert (kinds(), cleanup.all_tasks(database)) == ({}, [])


@pytest.mark.usefixtures("bridges")
def test_prune_removes_what_nobody_is_in(
    call: Call, capsys: Capture, quilt_root: Paths, database: sqlite3.Connection, create: Create, back: Network
) -> None:
    """Names are printed; the default network and those with a container, running or not, stay."""
    with transaction(database):
        create_network.default(quilt_root, database, ())
        create_network.create(quilt_root, database, "kept", routes=(), labels={"keep": ""})
    join(database, create("db"), back)
    assert call("network_prune", "-f", "--filter", "label!=keep") == 0
    assert capsys.readouterr() == ("app\n", "")
    assert sorted(network.name for network in networks.list_all(database)) == ["back", "kept", "quilt0"]
    assert kinds() == {}


def test_prune_tells_what_gc_must_finish(
    call: Call, capsys: Capture, database: sqlite3.Connection, bridges: Network
) -> None:
    """The error has the way out, and the name is not printed: it is not removed whole."""
    with no_right_to_networks():
        assert call("network_prune", "-f") == 125
    said = capsys.readouterr()
    assert (said.out, said.err.endswith("hint: it will be tried again by: quiltctl gc\n")) == ("", True)
    assert (networks.list_all(database), kinds()) == ([], {bridges.bridge: "bridge"})


def test_events_say_who_was_connected(call: Call, capsys: Capture, app: Network, start: Start) -> None:
    """As podman words them: the network with its kind, and the container that came or went."""
    web = start("web")
    call("network_connect", "app", "web")
    call("network_disconnect", "app", "web")
    call("network_rm", "app")
    capsys.readouterr()
    call("events", "--since", "1h", "--stream=false", "--filter", "type=network")
    lines = [line.split(" network ")[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        f"create {app.id} (name=app, type=bridge)",
        f"connect {app.id} (container={web.id}, name=app)",
        f"disconnect {app.id} (container={web.id}, name=app)",
        f"remove {app.id} (name=app, type=bridge)",
    ]
