"""Containers as listings need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.db import container_views, containers, leases
from quiltctl.db.connection import transaction
from tests.attach import attach, port

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.paths import Paths


def test_listed_is_every_container_the_oldest_first(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """A listing has the rows that get() has, in the order of their making."""
    ids = [add(number, state) for number, state in ((3, "running"), (1, "exited"), (2, "created"))]

    listed = container_views.listed(connection)

    assert listed == [containers.get(connection, container_id) for container_id in ids]


@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_listed_takes_one_state(connection: sqlite3.Connection, add: Callable[..., str], state: str) -> None:
    """With a state only its containers are listed."""
    for number, other in enumerate(("created", "running", "exited", "running")):
        add(number, other)

    assert {container.state for container in container_views.listed(connection, state=state)} == {state}


@pytest.mark.parametrize("state", [None, "running"])
def test_listed_reads_no_page_of_the_table(connection: sqlite3.Connection, state: str | None) -> None:
    """The index alone answers, and in its own order: neither the table is read nor anything sorted."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    container_views.listed(connection, state=state)
    connection.set_trace_callback(None)

    plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]

    assert plan == ["SCAN containers USING COVERING INDEX containers_listed"]


def test_newest_is_the_one_made_last(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The container of -l is the one made last, whatever its id; without containers there is none."""
    before = container_views.newest(connection)
    add(9)
    last = add(1)

    newest = container_views.newest(connection)

    assert (before, newest) == (None, containers.get(connection, last))


def test_volumes_are_found_by_container(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """They come from their uses; a container without any is not there."""
    one, _ = add(1), add(2)
    with transaction(connection):
        connection.execute("INSERT INTO volumes (name, created_at) VALUES ('data', 1), ('logs', 1)")
        connection.executemany(
            "INSERT INTO volume_uses (volume, container_id, destination) VALUES (?, ?, ?)",
            [("logs", one, "/var/log"), ("data", one, "/data")],
        )

    assert container_views.volumes(connection) == {one: [("data", "/data"), ("logs", "/var/log")]}


def test_networks_are_found_by_container(
    connection: sqlite3.Connection, add: Callable[..., str], quilt_root: Paths
) -> None:
    """Names in the container's order, and how it is in networks where it is in none."""
    one, two = add(1, config='{"network": "bridge"}'), add(2)
    for name in ("red", "blue"):
        attach(quilt_root, connection, one, name)

    assert container_views.networks(connection) == {one: ["red", "blue"]}
    assert container_views.network_modes(connection) == {one: "bridge", two: ""}


def test_ports_are_found_by_container(
    connection: sqlite3.Connection, add: Callable[..., str], quilt_root: Paths
) -> None:
    """Those of leases that are not over; a container without any is not there."""
    one, two, three = add(1), add(2), add(3)
    attach(quilt_root, connection, one, "red", ports=[port(8080, 80)])
    attach(quilt_root, connection, two, "red")
    attach(quilt_root, connection, three, "red", ports=[port(8081, 80), port(53, 53, "udp")])
    leases.release(connection, one, cleaned=False)

    assert container_views.ports(connection) == {
        one: [port(8080, 80)],
        three: [port(8081, 80), port(53, 53, "udp")],
    }
    leases.release(connection, three)
    assert container_views.ports(connection) == {one: [port(8080, 80)]}


def test_ports_are_found_without_reading_other_leases(connection: sqlite3.Connection) -> None:
    """A listing pays for published ports, not for containers."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    container_views.ports(connection)
    connection.set_trace_callback(None)

    plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]

    assert [step for step in plan if step.startswith("SCAN")] == [
        "SCAN published_ports USING COVERING INDEX published_ports_by_allocation"
    ]
    assert "SEARCH network_allocations USING INTEGER PRIMARY KEY (rowid=?)" in plan


def test_image_sizes_are_by_id(connection: sqlite3.Connection) -> None:
    """Every image has its size."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO images (id, config, architecture, size_bytes, created_at) VALUES (?, '{}', 'amd64', 42, 1)",
            ("a" * 64,),
        )

    assert container_views.image_sizes(connection) == {"a" * 64: 42}
