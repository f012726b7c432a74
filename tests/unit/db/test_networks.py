"""Rows of networks: found by name and id, each name, bridge and subnet once."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import leases, memberships, networks
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Make = Callable[..., Network]


def events(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return what was told of networks: the action, the name, and the attributes."""
    rows = connection.execute("SELECT action, name, attributes FROM events WHERE kind = 'network' ORDER BY seq")
    return [tuple(row) for row in rows]


def test_network_comes_back_as_it_was_written(connection: sqlite3.Connection, network: Make) -> None:
    """Every column of a network is read as it was written, by id, by name, and in the list, the oldest first."""
    second = network(2, subnet6="fd00::/64", gateway6="fd00::1", internal=1, ip_range="10.2.0.5-10.2.0.9", mtu=1400)
    first = network(1, nat=0, names=0, config='{"labels":{"a":"b"}}', last_leased="10.1.0.7")
    assert networks.get(connection, second.id) == second
    assert networks.named(connection, "n1") == first
    assert networks.list_all(connection) == [first, second]


def test_find_takes_a_name_before_an_id(connection: sqlite3.Connection, network: Make) -> None:
    """A name that looks like the beginning of another's id wins, as everywhere."""
    by_id = network(1, id="abc".ljust(64, "0"))
    assert networks.find(connection, "abc") == by_id
    by_name = network(2, name="abc")
    assert networks.find(connection, "abc") == by_name
    assert networks.find(connection, "abc0") == by_id


@pytest.mark.parametrize("reference", ["nope", "", "é", "e1*", "\udc80"])
def test_find_of_nothing_is_told(connection: sqlite3.Connection, network: Make, reference: str) -> None:
    """What names no network is an error with a way out, whatever it is made of."""
    network(1)
    with pytest.raises(errors.NotFound, match="no such network"):
        networks.find(connection, reference)


def test_find_of_several_lists_them(connection: sqlite3.Connection, network: Make) -> None:
    """The beginning of two ids is ambiguous, and both are named."""
    network(1)
    network(2)
    with pytest.raises(errors.Ambiguous, match=r"\(n2\).*\(n1\)|\(n1\).*\(n2\)"):
        networks.find(connection, "eee")


def test_name_is_taken_once(connection: sqlite3.Connection, network: Make) -> None:
    """A second network of a name is refused, and nothing of it is written."""
    network(1)
    with pytest.raises(errors.Conflict, match='the name "n1" is taken'):
        network(2, name="n1")
    assert len(networks.list_all(connection)) == 1


@pytest.mark.parametrize("column", [{"bridge": "b1"}, {"subnet": "10.1.0.0/24"}])
def test_bridge_and_subnet_are_taken_once(
    connection: sqlite3.Connection, network: Make, column: dict[str, str]
) -> None:
    """Whoever writes, no two networks share a bridge or a subnet: the database refuses it."""
    network(1)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        network(2, **column)
    assert len(networks.list_all(connection)) == 1


def test_life_of_a_network_is_told(connection: sqlite3.Connection, network: Make) -> None:
    """That it was made and that it was removed are events, in the transactions that did so."""
    made = network(1)
    with transaction(connection):
        assert networks.delete(connection, made.id)
        assert not networks.delete(connection, made.id)
    attributes = '{"driver":"bridge","subnet":"10.1.0.0/24"}'
    assert events(connection) == [("create", "n1", attributes), ("remove", "n1", attributes)]


def test_network_stays_while_somebody_is_in_it(
    connection: sqlite3.Connection, network: Make, add: Callable[..., str], join: Callable[..., Membership]
) -> None:
    """A container that is in it, though it does not run, keeps its row from being deleted."""
    app = network(1)
    container_id = add(1)
    join(container_id, app)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), transaction(connection):
        networks.delete(connection, app.id)
    memberships.delete(connection, container_id, app.id)
    assert networks.delete(connection, app.id)


@pytest.mark.parametrize("state", ["allocated", "cleanup_pending", "cleaned"])
def test_network_goes_with_leases_that_are_over_only(
    quilt_root: Paths,
    connection: sqlite3.Connection,
    network: Make,
    add: Callable[..., str],
    join: Callable[..., Membership],
    state: str,
) -> None:
    """An address that something may still answer at keeps its network; what was cleaned up is history."""
    app, container_id = network(1), add(1)
    leases.lease(quilt_root, connection, app, join(container_id, app))
    memberships.delete(connection, container_id, app.id)
    if state != "allocated":
        leases.release(connection, container_id, cleaned=state == "cleaned")
    if state == "cleaned":
        assert networks.delete(connection, app.id)
        return
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), transaction(connection):
        networks.delete(connection, app.id)


def test_change_writes_what_was_given_only(connection: sqlite3.Connection, network: Make) -> None:
    """Other facts stay, and so do other networks."""
    app, other = network(1), network(2)
    networks.change(connection, app.id, mtu=1280, config='{"dns":["1.1.1.1"]}')
    expected = {**app.to_dict(), "mtu": 1280, "config": '{"dns":["1.1.1.1"]}'}
    assert [n.to_dict() for n in networks.list_all(connection)] == [expected, other.to_dict()]
