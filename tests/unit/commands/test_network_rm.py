"""`network rm`, `prune`, `connect`, `disconnect` and `update`: the rows that they write, and in which order."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import cleanup, containers, lease_views, leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.db.memberships import Membership
from quiltctl.errors import Conflict, NotFound, UsageError, WrongState
from quiltctl.runtime.lifecycle import apply_network, create_network, gc

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.containers import Container
    from quiltctl.db.networks import Network
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]


class Kernel:
    """Stands for the kernel: notes what was done to it, and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.refuses = False

    def act(self, word: str, *facts: Any) -> None:
        """Note it, or refuse it."""
        if self.refuses:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), word)
        self.done.append((word, *facts))


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Keep the host's own network out of it, and say what would have been done."""
    noted = Kernel()

    def wire(_paths: Paths, _connection: sqlite3.Connection, endpoint: Endpoint, container: Container) -> None:
        noted.act("wire", endpoint.network, endpoint.ip, container.pid)

    def unwire(_paths: Paths, _connection: sqlite3.Connection, endpoint: Endpoint, _container: Container) -> None:
        noted.act("unwire", endpoint.network, endpoint.ip)

    def guard(_paths: Paths, endpoints: list[Endpoint], allowed: tuple[str, ...] | None) -> None:
        noted.act("guard", *(endpoint.ip for endpoint in endpoints), allowed)

    monkeypatch.setattr(apply_network, "wire", wire)
    monkeypatch.setattr(apply_network, "unwire", unwire)
    monkeypatch.setattr(apply_network, "guard", guard)
    monkeypatch.setattr(apply_network, "forget_rules", lambda *_: None)
    monkeypatch.setattr(apply_network, "remove_bridge", lambda bridge: noted.act("remove", bridge))
    return noted


@pytest.fixture
def app(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give a network, 10.7.0.0/24 and fd00:7::/64."""
    with transaction(database):
        return create_network.create(
            quilt_root, database, "app", routes=(), subnet="10.7.0.0/24", subnet6="fd00:7::/64"
        )


@pytest.fixture
def back(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give another network, 10.8.0.0/24, behind whose policy there is one destination alone."""
    with transaction(database):
        return create_network.create(
            quilt_root, database, "back", routes=(), subnet="10.8.0.0/24", egress=("10.0.0.0/8",)
        )


def events(connection: sqlite3.Connection) -> list[str]:
    """Return what was told of networks after they were made."""
    rows = connection.execute(
        "SELECT action, name FROM events WHERE kind = 'network' AND action <> 'create' ORDER BY seq"
    )
    return [f"{action} {name}" for action, name in rows]


def facts(connection: sqlite3.Connection, container_id: str) -> list[tuple[Any, ...]]:
    """Return the memberships of a container, without the ids."""
    return [tuple(member.to_dict().values())[2:] for member in memberships.of_container(connection, container_id)]


@pytest.mark.usefixtures("app", "back")
def test_rm_removes_rows_and_bridges(
    call: Call, capsys: Capture, database: sqlite3.Connection, kernel: Kernel, app: Network, back: Network
) -> None:
    """Names are printed as they were given, the bridges go, and no task is left."""
    assert call("network_rm", "app", back.id[:12]) == 0
    assert capsys.readouterr() == (f"app\n{back.id[:12]}\n", "")
    assert kernel.done == [("remove", app.bridge), ("remove", back.bridge)]
    assert (networks.list_all(database), cleanup.all_tasks(database)) == ([], [])
    assert events(database) == ["remove app", "remove back"]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("state", ["created", "exited", "running"])
def test_rm_refuses_what_is_in_use(
    call: Call, capsys: Capture, database: sqlite3.Connection, make: Make, kernel: Kernel, state: str
) -> None:
    """A container is in its networks whether it runs or not: 2, and the hint says who; the others go, 1 is less."""
    make("web", state, network="bridge")
    call("network_connect", "app", "web")
    kernel.done.clear()
    assert call("network_rm", "nope", "app") == 2
    assert capsys.readouterr().err.splitlines() == [
        'Error: no such network: "nope"',
        "hint: see what there is with: quiltctl network ls",
        'Error: cannot remove network "app": container web is in it',
        "hint: remove first: quiltctl network rm -f app, or quiltctl rm -f web",
    ]
    assert ([network.name for network in networks.list_all(database)], kernel.done) == (["app"], [])


@pytest.mark.usefixtures("app")
def test_rm_of_what_is_missing(call: Call, capsys: Capture, database: sqlite3.Connection) -> None:
    """One that does not exist is 1, and keeps nobody else from going."""
    assert call("network_rm", "nope", "app") == 1
    assert (capsys.readouterr().out, networks.list_all(database)) == ("app\n", [])
    with pytest.raises(UsageError, match="--time needs --force"):
        call("network_rm", "--time", "3", "app")


@pytest.mark.usefixtures("app")
def test_rm_force_removes_the_containers_too(
    call: Call, capsys: Capture, database: sqlite3.Connection, make: Make
) -> None:
    """Those in it go before it, those elsewhere stay."""
    for name in ("web", "db", "other"):
        make(name, "exited", network="bridge")
    call("network_connect", "app", "web")
    call("network_connect", "app", "db")
    assert call("network_rm", "-f", "app") == 0
    assert capsys.readouterr() == ("app\n", "")
    assert [container.name for container in containers.list_all(database)] == ["other"]


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


def test_rm_that_fails_half_way_is_finished_by_gc(
    call: Call, capsys: Capture, quilt_root: Paths, database: sqlite3.Connection, kernel: Kernel, app: Network
) -> None:
    """The row is gone, the task remains and keeps the bridge's name from others, and gc does the rest."""
    kernel.refuses = True
    assert call("network_rm", "app") == 125
    assert f"cannot remove the bridge {app.bridge}: Device or resource busy" in capsys.readouterr().err
    tasks = [(task.type, task.resource, task.state) for task in cleanup.open_tasks(database)]
    assert tasks == [("network", f"bridge {app.bridge}", "failed")]
    with transaction(database):
        other = create_network.create(quilt_root, database, "app", routes=(), subnet="10.7.0.0/24")
        with pytest.raises(Conflict, match="not removed completely yet"):
            create_network.create(quilt_root, database, "x", routes=(), bridge=app.bridge)
    assert other.bridge != app.bridge

    kernel.refuses = False
    found = gc.retry_tasks(quilt_root, database)
    assert [(finding.kind, finding.problem) for finding in found] == [("network", "")]
    assert (kernel.done, cleanup.all_tasks(database)) == ([("remove", app.bridge)], [])


@pytest.mark.usefixtures("app", "back")
def test_prune_removes_what_nobody_is_in(
    call: Call, capsys: Capture, quilt_root: Paths, database: sqlite3.Connection, make: Make
) -> None:
    """Names are printed; the default network and those with a container, running or not, stay."""
    with transaction(database):
        create_network.default(quilt_root, database, ())
        create_network.create(quilt_root, database, "kept", routes=(), labels={"keep": ""})
    make("web", "exited", network="bridge")
    call("network_connect", "back", "web")
    assert call("network_prune", "-f", "--filter", "label!=keep") == 0
    assert capsys.readouterr() == ("app\n", "")
    assert sorted(network.name for network in networks.list_all(database)) == ["back", "kept", "quilt0"]
    with pytest.raises(UsageError, match="nobody can be asked"):
        call("network_prune")
    with pytest.raises(UsageError, match="invalid filter"):
        call("network_prune", "-f", "--filter", "name=app")


@pytest.mark.usefixtures("app", "back")
def test_connect_of_a_stopped_container(call: Call, database: sqlite3.Connection, make: Make, kernel: Kernel) -> None:
    """It is in the networks from its next start on, with what it asks for there; nothing is leased now."""
    web = make("web", network="bridge")
    assert call("network_connect", "--alias", "w", "--alias", "www", "--ip", "10.7.0.9", "app", "web") == 0
    assert call("network_connect", "--mac-address", "02-42-0A-00-00-09", "back", web[:12]) == 0
    assert facts(database, web) == [
        (0, "eth0", "10.7.0.9", None, None, '["w", "www"]'),
        (1, "eth1", None, None, "02:42:0a:00:00:09", "[]"),
    ]
    assert (lease_views.endpoints(database), kernel.done) == ((), [])
    assert events(database) == ["connect app", "connect back"]


@pytest.mark.usefixtures("app", "back")
def test_connect_of_a_running_container(call: Call, database: sqlite3.Connection, make: Make, kernel: Kernel) -> None:
    """It has a lease and a wire when the verb returns, and what the network allows."""
    web = make("web", "running", network="bridge")
    call("network_connect", "--ip6", "fd00:7::00ff", "app", "web")
    call("network_connect", "back", "web")
    assert kernel.done == [("wire", "app", "10.7.0.2", 4242), ("wire", "back", "10.8.0.2", 4242)]
    found = lease_views.endpoints_of(database, web)
    assert [(one.interface, one.ip, one.ip6, one.egress) for one in found] == [
        ("eth0", "10.7.0.2", "fd00:7::ff", None),
        ("eth1", "10.8.0.2", "", ("10.0.0.0/8",)),
    ]
    states = [tuple(row) for row in database.execute("SELECT state FROM network_allocations")]
    assert states == [("active",), ("active",)]


@pytest.mark.usefixtures("back")
def test_connect_keeps_a_policy_of_the_containers_own(call: Call, database: sqlite3.Connection, make: Make) -> None:
    """What the container was made with goes before what the network says."""
    web = make("web", "running", network="bridge", egress=())
    call("network_connect", "back", "web")
    assert [one.egress for one in lease_views.endpoints_of(database, web)] == [()]


@pytest.mark.usefixtures("app")
def test_connect_that_the_kernel_refuses_is_undone(
    call: Call, database: sqlite3.Connection, make: Make, kernel: Kernel
) -> None:
    """The container is not in the network, and its address waits for gc to look after what may be there."""
    web = make("web", "running", network="bridge")
    kernel.refuses = True
    with pytest.raises(OSError, match="busy"):
        call("network_connect", "app", "web")
    assert facts(database, web) == []
    assert [row[0] for row in database.execute("SELECT state FROM network_allocations")] == ["cleanup_pending"]


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
    assert facts(database, web) == []


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


def test_connect_makes_the_default_network(call: Call, database: sqlite3.Connection, make: Make) -> None:
    """As run does: the first who asks for it makes it, by any of its names."""
    web = make("web", network="bridge")
    call("network_connect", "bridge", "web")
    found = networks.named(database, "quilt0")
    assert found is not None
    assert [member.network_id for member in memberships.of_container(database, web)] == [found.id]


@pytest.mark.usefixtures("app", "back")
def test_disconnect_returns_the_address_after_the_wire(
    call: Call, database: sqlite3.Connection, make: Make, kernel: Kernel
) -> None:
    """The lease is over when nothing leads there any more; the interface's name is free for the next network."""
    web = make("web", "running", network="bridge")
    call("network_connect", "app", "web")
    call("network_connect", "back", "web")
    assert call("network_disconnect", "app", "web") == 0
    assert kernel.done[2:] == [("unwire", "app", "10.7.0.2")]
    assert [one.network for one in lease_views.endpoints_of(database, web)] == ["back"]
    call("network_connect", "app", "web")
    assert [row[:2] for row in facts(database, web)] == [(1, "eth1"), (2, "eth0")]
    assert events(database) == ["connect app", "connect back", "disconnect app", "connect app"]


@pytest.mark.usefixtures("app")
def test_events_say_who_was_connected(call: Call, capsys: Capture, make: Make, app: Network) -> None:
    """As podman words them: the network with its kind, and the container that came or went."""
    web = make("web", network="bridge")
    call("network_connect", "app", "web")
    call("network_disconnect", "app", "web")
    call("network_rm", "app")
    capsys.readouterr()
    call("events", "--since", "1h", "--stream=false", "--filter", "type=network")
    lines = [line.split(" network ")[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        f"create {app.id} (name=app, type=bridge)",
        f"connect {app.id} (container={web}, name=app)",
        f"disconnect {app.id} (container={web}, name=app)",
        f"remove {app.id} (name=app, type=bridge)",
    ]


@pytest.mark.usefixtures("app")
def test_disconnect_that_the_kernel_refuses_keeps_the_address(
    call: Call, capsys: Capture, database: sqlite3.Connection, make: Make, kernel: Kernel
) -> None:
    """Nobody else gets it before gc has made sure; to do it again finishes it."""
    make("web", "running", network="bridge")
    call("network_connect", "app", "web")
    kernel.refuses = True
    with pytest.raises(OSError, match="busy"):
        call("network_disconnect", "app", "web")
    assert [row[0] for row in database.execute("SELECT state FROM network_allocations")] == ["cleanup_pending"]
    assert call("network_rm", "app") == 2
    assert "container web is in it" in capsys.readouterr().err
    kernel.refuses = False
    assert call("network_disconnect", "app", "web") == 0
    assert [row[0] for row in database.execute("SELECT state FROM network_allocations")] == ["cleaned"]


@pytest.mark.usefixtures("app")
def test_connect_beside_a_wire_that_is_left_makes_a_new_one(
    call: Call, database: sqlite3.Connection, make: Make, kernel: Kernel
) -> None:
    """What could not be taken away keeps its address; the new wire has another, and disconnect takes both."""
    make("web", "running", network="bridge")
    call("network_connect", "app", "web")
    kernel.refuses = True
    with pytest.raises(OSError, match="busy"):
        call("network_disconnect", "app", "web")
    kernel.refuses = False
    kernel.done.clear()
    call("network_connect", "app", "web")
    call("network_disconnect", "app", "web")
    assert kernel.done == [
        ("wire", "app", "10.7.0.3", 4242),
        ("unwire", "app", "10.7.0.2"),
        ("unwire", "app", "10.7.0.3"),
    ]
    assert lease_views.endpoints(database) == ()


@pytest.mark.usefixtures("app")
def test_disconnect_of_who_is_not_in_it(call: Call, make: Make) -> None:
    """It is told, but for --force."""
    make("web", network="bridge")
    with pytest.raises(WrongState, match="container web is not in network app"):
        call("network_disconnect", "app", "web")
    assert call("network_disconnect", "-f", "app", "web") == 0


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


def test_change_of_egress_reaches_who_runs(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, make: Make, kernel: Kernel, app: Network, back: Network
) -> None:
    """Those in the network that have no policy of their own, by this network alone, and those that start later."""
    from quiltctl.runtime.lifecycle.update_network import change_egress

    make("web", "running", network="bridge")
    make("own", "running", network="bridge", egress=("10.1.0.0/16",))
    for name in ("web", "own"):
        call("network_connect", "app", name)
    call("network_connect", "back", "web")
    kernel.done.clear()
    change_egress(quilt_root, database, app, ())
    assert config(database, app)["egress"] == []
    assert kernel.done == [("guard", "10.7.0.2", ())]
    found = {(one.network, one.ip): one.egress for one in lease_views.endpoints(database)}
    assert found == {
        ("app", "10.7.0.2"): (),
        ("app", "10.7.0.3"): ("10.1.0.0/16",),
        ("back", "10.8.0.2"): ("10.0.0.0/8",),
    }
    change_egress(quilt_root, database, back, None)
    assert config(database, back)["egress"] is None
    assert kernel.done[1:] == [("guard", "10.8.0.2", None)]


def test_rm_tells_what_gc_must_finish(call: Call, capsys: Capture, kernel: Kernel, app: Network) -> None:
    """The error has the way out."""
    kernel.refuses = True
    call("network_rm", app.name)
    assert capsys.readouterr().err.endswith("hint: it will be tried again by: quiltctl gc\n")
