"""Who is in which network, and who shares whose: kept while containers do not run, gone with them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import containers, memberships
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network

    Add = Callable[..., str]
    Make = Callable[..., Network]
    Join = Callable[..., Membership]


def told(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return who was connected and disconnected: the action, the network, the container."""
    rows = connection.execute(
        "SELECT action, name, attributes ->> '$.container' FROM events"
        " WHERE kind = 'network' AND action LIKE '%connect' ORDER BY seq"
    )
    return [tuple(row) for row in rows]


def test_membership_comes_back_as_it_was_written(
    connection: sqlite3.Connection, add: Add, network: Make, join: Join
) -> None:
    """A container's networks come in its own order, a network's containers by id."""
    web, db, app, back = add(1), add(2), network(1), network(2)
    first = join(web, back, ip="10.2.0.9", ip6="fd00::9", mac="02:00:00:00:00:01", aliases='["w"]')
    second, third = join(web, app), join(db, app)
    assert memberships.of_container(connection, web) == [first, second]
    assert memberships.of_network(connection, app.id) == [second, third]
    assert memberships.names_in(connection) == {app.id: ["c1", "c2"], back.id: ["c1"]}


def test_second_membership_in_a_network_is_refused(
    connection: sqlite3.Connection, add: Add, network: Make, join: Join
) -> None:
    """A container is in a network once, and each of its interfaces has a name of its own."""
    web, app, back = add(1), network(1), network(2)
    first = join(web, app)
    with pytest.raises(errors.Conflict, match="it is in that network already"):
        join(web, app)
    with pytest.raises(errors.Conflict, match='it has an interface "eth0" already'):
        join(web, back, interface="eth0")
    assert memberships.of_container(connection, web) == [first]


def test_membership_goes_with_the_container(
    connection: sqlite3.Connection, add: Add, network: Make, join: Join
) -> None:
    """Removing a container takes it out of its networks, silently: its own event tells it."""
    web, app = add(1), network(1)
    join(web, app)
    containers.delete(connection, web, 0)
    assert (memberships.of_network(connection, app.id), told(connection)) == ([], [])


def test_networks_that_a_container_is_made_with_are_not_told(
    connection: sqlite3.Connection, add: Add, network: Make, join: Join
) -> None:
    """What is part of making the container is no event; what changes later is, whether it has ever run or not."""
    web, app, back = add(1), network(1), network(2)
    join(web, app)
    assert told(connection) == []
    with transaction(connection):
        containers.touch(connection, web)
    join(web, back)
    assert memberships.delete(connection, web, app.id)
    assert not memberships.delete(connection, web, app.id)
    assert told(connection) == [("connect", "n2", web), ("disconnect", "n1", web)]


def test_membership_needs_container_and_network(connection: sqlite3.Connection, add: Add, network: Make) -> None:
    """A network that was removed just before cannot be joined: the database refuses it."""
    for container_id, network_id in ((add(1), "e" * 64), ("f" * 64, network(1).id)):
        lone = memberships.Membership(container_id, network_id, 0, "eth0", None, None, None, "[]")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), transaction(connection):
            memberships.insert(connection, lone)


def test_joins_are_found_by_owner(connection: sqlite3.Connection, add: Add) -> None:
    """Who shares a network namespace is found, also after its owner is gone, until it goes itself."""
    owner, guest = add(1), add(2)
    memberships.join(connection, guest, owner)
    containers.delete(connection, owner, 0)
    assert memberships.joined_by(connection, owner) == [guest]
    containers.delete(connection, guest, 0)
    assert memberships.joined_by(connection, owner) == []
