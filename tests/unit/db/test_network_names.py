"""Who finds whom by name, and that the database finds it by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import leases, memberships, network_names, networks
from quiltctl.db.connection import transaction
from quiltctl.db.network_names import Member

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.paths import Paths


@pytest.fixture
def net(connection: sqlite3.Connection) -> Callable[..., str]:
    """Give a function that makes the network of a number and returns its id."""

    def make(number: int, **given: Any) -> str:
        facts: dict[str, Any] = dict.fromkeys(networks.Network._fields)
        facts |= {"id": f"{number:x}".rjust(64, "f"), "name": f"n{number}", "bridge": f"quilt{number}"}
        facts |= {"subnet": f"10.89.{number}.0/24", "gateway": f"10.89.{number}.1", "internal": 0, "config": "{}"}
        network = networks.Network(**{**facts, "created_at": 1, "nat": 1, "names": 1, "mtu": 0, **given})
        with transaction(connection):
            networks.insert(connection, network)
        return network.id

    return make


@pytest.fixture
def lease(connection: sqlite3.Connection, quilt_root: Paths) -> Callable[..., int]:
    """Give a function that puts a container into a network, with an address, and returns the lease's id."""

    def give(container_id: str, network_id: str, aliases: str = "[]", position: int = 0) -> int:
        network = networks.get(connection, network_id)
        assert network is not None
        member = memberships.Membership(container_id, network_id, position, f"eth{position}", None, None, None, aliases)
        with transaction(connection):
            memberships.insert(connection, member)
            leases.lease(quilt_root, connection, network, member)
        newest: int = connection.execute("SELECT max(id) FROM network_allocations").fetchone()[0]
        return newest

    return give


def test_members_are_those_with_an_address(
    connection: sqlite3.Connection, add: Callable[..., str], net: Callable[..., str], lease: Callable[..., int]
) -> None:
    """Whoever has a lease is found, with name and aliases, in the order of the leases, and who has none is not."""
    network_id = net(0)
    second, first, ended, dying = (add(number, "running") for number in (2, 1, 3, 4))
    marks = [lease(second, network_id, '["db"]'), lease(first, network_id)]
    lease(ended, network_id)
    lease(dying, network_id)
    with transaction(connection):
        leases.activate(connection, first)
        leases.release(connection, ended)
        leases.release(connection, dying, cleaned=False)
    assert network_names.members(connection, [network_id]) == [
        Member(marks[0], network_id, second, "c2", "10.89.0.2", "", '["db"]'),
        Member(marks[1], network_id, first, "c1", "10.89.0.3", "", "[]"),
    ]


def test_members_are_all_of_the_networks_that_a_container_is_in(
    add: Callable[..., str], net: Callable[..., str], lease: Callable[..., int], connection: sqlite3.Connection
) -> None:
    """Who shares networks with names with a container is there once for each; others are not."""
    left, right, mute, far = net(0), net(1), net(2, names=0), net(3)
    me, both, quiet, stranger = (add(number, "running") for number in (1, 2, 3, 4))
    for place, network_id in enumerate((left, right, mute)):
        lease(me, network_id, position=place)
    for place, network_id in enumerate((right, left)):
        lease(both, network_id, position=place)
    lease(quiet, mute)
    lease(stranger, far)
    found = network_names.members(connection, network_names.networks_of(connection, me))
    others = [(member.container_id, member.network_id) for member in found if member.container_id != me]
    assert others == [(both, right), (both, left)]
    assert network_names.networks_of(connection, me) == sorted([left, right])
    assert network_names.members(connection, [mute]) == []


def test_networks_without_names_are_passed_over(connection: sqlite3.Connection, net: Callable[..., str]) -> None:
    """Of some networks those with names stay, in order; what is no network is none."""
    ids = [net(1), net(0), net(2, names=0)]
    assert network_names.with_names(connection, [*ids, "none"]) == sorted(ids[:2])
    assert network_names.with_names(connection, []) == []


def test_places_are_all_networks_of_those_in_one(
    connection: sqlite3.Connection, add: Callable[..., str], net: Callable[..., str], lease: Callable[..., int]
) -> None:
    """Whose file names a network has its other networks in it too, with the way out of each."""
    asked, other = net(0, internal=1), net(1, names=0)
    config = '{"hostname": "front", "extra_hosts": ["a:10.0.0.1"]}'
    me = add(1, "running", config=config)
    lease(me, other, position=1)
    lease(me, asked)
    lease(add(2, "running"), other)
    found = network_names.places(connection, [asked])
    assert [(place.network_id, place.gateway, place.names) for place in found] == [
        (asked, "", 1),
        (other, "10.89.1.1", 0),
    ]
    assert {(place.container_id, place.name, place.hostname, place.extra_hosts) for place in found} == {
        (me, "c1", "front", '["a:10.0.0.1"]')
    }


def test_places_leave_out_who_keeps_the_file_of_the_image(
    connection: sqlite3.Connection, add: Callable[..., str], net: Callable[..., str], lease: Callable[..., int]
) -> None:
    """With --no-hosts there is no file to write; with an end behind it there is nobody to read."""
    network_id = net(0)
    lease(add(1, "running", config='{"no_hosts": true}'), network_id)
    lease(add(2, "exited"), network_id)
    shown = add(3, "paused", config='{"no_hosts": false}')
    lease(shown, network_id)
    assert [place.container_id for place in network_names.places(connection, [network_id])] == [shown]


def test_nothing_that_is_asked_scans_a_table(
    connection: sqlite3.Connection, add: Callable[..., str], net: Callable[..., str], lease: Callable[..., int]
) -> None:
    """However many networks, containers and leases there are, only those of the networks asked for are looked at."""
    ids = [net(number) for number in range(3)]
    for number in range(20):
        lease(add(number, "running"), ids[number % 3])
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    network_names.with_names(connection, ids[:2])
    network_names.members(connection, ids[:2])
    network_names.networks_of(connection, f"{1:064x}")
    network_names.places(connection, ids[:2])
    connection.set_trace_callback(None)
    plan = [row["detail"] for s in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {s}")]
    # What was just gathered from the indexes may be walked through.
    assert [step for step in plan if step.startswith("SCAN") and step != "SCAN here"] == []
    assert any("network_allocations_leased (network_id=?)" in step for step in plan)
