"""Leases of ranges of ids: apart from each other, given back with the container, and found without reading all."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import containers, id_ranges
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

SLOT = id_ranges.SLOT
POOL = (SLOT * 100, SLOT * 8)


def lease(connection: sqlite3.Connection, container_id: str, size: int = SLOT, pool: tuple[int, int] = POOL) -> int:
    """Lease a range for a container, as its making does."""
    with transaction(connection):
        first_id = id_ranges.lease(connection, size, pool)
        id_ranges.use(connection, container_id, first_id)
    return first_id


def count(connection: sqlite3.Connection) -> int:
    """Return how many ranges are leased."""
    return int(connection.execute("SELECT count(*) FROM id_ranges").fetchone()[0])


def test_leases_fill_the_pool_and_the_end_is_said(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Eight places take eight containers, each its own; the ninth is told how it is, and nothing is half leased."""
    leased = [lease(connection, add(number)) for number in range(8)]
    assert sorted(leased) == [POOL[0] + SLOT * n for n in range(8)]
    with pytest.raises(errors.Conflict, match="no range of 65536 ids is free: 8 are leased, of 8 in all"):
        lease(connection, add(9))
    assert count(connection) == 8


def test_lease_goes_back_with_the_row(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Deleting the container returns its range, and the place can be leased again."""
    owner = add(1)
    first = lease(connection, owner, pool=(POOL[0], SLOT))
    containers.delete(connection, owner, 0)
    assert count(connection) == 0
    assert lease(connection, add(2), pool=(POOL[0], SLOT)) == first


def test_shared_range_goes_back_with_its_last_user(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Who joined the user namespace of another keeps the range alive after that one's removal."""
    owner, guest = add(1), add(2)
    first = lease(connection, owner)
    assert id_ranges.used_by(connection, owner) == first
    id_ranges.use(connection, guest, first)
    containers.delete(connection, owner, 0)
    assert count(connection) == 1
    containers.delete(connection, guest, 0)
    assert count(connection) == 0


def test_given_back_range_is_free_while_the_container_stays(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """A container that could have no user namespace holds no ids."""
    owner = add(1)
    lease(connection, owner)
    id_ranges.give_back(connection, owner)
    assert (count(connection), id_ranges.used_by(connection, owner)) == (0, None)


@pytest.mark.parametrize(("first_id", "size"), [(0, SLOT), (-SLOT // 2, SLOT), (SLOT // 2, SLOT), (1, 1), (-1, 2)])
def test_schema_refuses_what_overlaps(
    connection: sqlite3.Connection, add: Callable[..., str], first_id: int, size: int
) -> None:
    """Whoever writes, two ranges never have an id in common."""
    taken = lease(connection, add(1))
    with pytest.raises(sqlite3.IntegrityError, match=r"overlap|UNIQUE"):
        connection.execute("INSERT INTO id_ranges VALUES (?, ?)", (taken + first_id, size))
    connection.execute("INSERT INTO id_ranges VALUES (?, ?), (?, ?)", (taken - 5, 5, taken + SLOT, 5))


def test_a_large_range_takes_as_many_places_as_it_needs(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """One id more than a slot is two slots; what does not fit in one piece is refused although there is room."""
    lease(connection, add(1), SLOT + 1)
    assert connection.execute("SELECT size FROM id_ranges").fetchone()[0] == 2 * SLOT
    with pytest.raises(errors.Conflict):
        lease(connection, add(2), 8 * SLOT)


def test_thousand_leases_leave_nothing_behind(connection: sqlite3.Connection) -> None:
    """Given and returned in any order, with never two alike; at the end the tables are as they began."""
    pool, dice = (SLOT, SLOT * 50), random.Random(7)
    living: dict[str, int] = {}
    with transaction(connection):
        for number in range(1000):
            while len(living) == 50 or (living and dice.random() < 0.4):
                gone = dice.choice(sorted(living))
                containers.delete(connection, gone, 0)
                del living[gone]
            container_id = f"{number:064x}"
            containers.insert(
                connection, container_id=container_id, name=f"c{number}", image_id=None, image_name="", command="[]",
                config="{}", auto_remove=False, labels={},
            )  # fmt: skip
            first = id_ranges.lease(connection, SLOT, pool)
            id_ranges.use(connection, container_id, first)
            assert first not in living.values()
            living[container_id] = first
        for container_id in living:
            containers.delete(connection, container_id, 0)
    uses = connection.execute("SELECT count(*) FROM id_range_uses").fetchone()[0]
    assert (count(connection), uses) == (0, 0)
