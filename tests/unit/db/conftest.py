"""A real database for each test, and containers in any state in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import containers, memberships, networks
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.db.memberships import Membership
from quiltctl.db.networks import Network

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

BOOT = "11111111-2222-3333-4444-555555555555"
FACTS: dict[str, dict[str, Any]] = {
    "running": {"pid": 41, "pid_started": 410, "started_at": 1_000},
    "paused": {},
    "exited": {"exit_code": 7, "exit_reason": "exited", "finished_at": 2_000},
    "error": {"error": "no such file"},
}
WAYS = {
    "created": (),
    "starting": ("starting",),
    "running": ("starting", "running"),
    "paused": ("starting", "running", "paused"),
    "exited": ("starting", "running", "exited"),
    "error": ("starting", "error"),
}


@pytest.fixture
def connection(quilt_root: Paths) -> Iterator[sqlite3.Connection]:
    """Give a connection that may write, to a database made for this test."""
    opened = open_to_write(quilt_root)
    yield opened
    opened.close()


@pytest.fixture
def add(connection: sqlite3.Connection) -> Callable[..., str]:
    """Give a function that adds the container of a number, brings it into a state and returns its id."""

    def add_container(number: int, state: str = "created", **given: Any) -> str:
        container_id: str = given.pop("container_id", f"{number:064x}")
        wanted = {"name": f"c{number}", "image_id": None, "image_name": "busybox", "command": '["true"]'}
        with transaction(connection):
            containers.insert(
                connection,
                container_id=container_id,
                **{**wanted, "config": "{}", "auto_remove": False, "labels": {}, **given},
            )
        for step in WAYS[state]:
            with transaction(connection):
                move_to(connection, container_id, step)
        return container_id

    return add_container


def move_to(connection: sqlite3.Connection, container_id: str, state: str) -> None:
    """Make one legal move from wherever the container is, with the facts that the state needs."""
    if state == "starting":
        containers.begin_start(connection, container_id, shim_pid=40, shim_started=400, boot_id=BOOT)
        return
    row = connection.execute("SELECT generation, state FROM containers WHERE id = ?", (container_id,)).fetchone()
    containers.move(connection, container_id, row["generation"], (row["state"],), state, **FACTS[state])


@pytest.fixture
def network(connection: sqlite3.Connection) -> Callable[..., Network]:
    """Give a function that adds the network of a number, 10.N.0.0/24 on bridge bN, and returns it."""

    def add_network(number: int, **given: Any) -> Network:
        facts: dict[str, Any] = {
            "id": f"{number:x}".rjust(64, "e"),
            "name": f"n{number}",
            "bridge": f"b{number}",
            "subnet": f"10.{number}.0.0/24",
            "gateway": f"10.{number}.0.1",
            "subnet6": None,
            "gateway6": None,
            "internal": 0,
            "config": "{}",
            "created_at": 1000 + number,
            "ip_range": None,
            "nat": 1,
            "names": 1,
            "mtu": 0,
            "last_leased": None,
            **given,
        }
        made = Network(**facts)
        with transaction(connection):
            networks.insert(connection, made)
        return made

    return add_network


@pytest.fixture
def join(connection: sqlite3.Connection) -> Callable[..., Membership]:
    """Give a function that puts a container into a network, as its next interface, and returns the membership."""

    def join_network(container_id: str, network: Network, **given: Any) -> Membership:
        position = len(memberships.of_container(connection, container_id))
        facts: dict[str, Any] = {"ip": None, "ip6": None, "mac": None, "aliases": "[]", "interface": f"eth{position}"}
        member = Membership(
            **{"container_id": container_id, "network_id": network.id, "position": position, **facts, **given}
        )
        with transaction(connection):
            memberships.insert(connection, member)
        return member

    return join_network
