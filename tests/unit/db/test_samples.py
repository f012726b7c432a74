"""Samples of what containers used: recorded, bounded, and gone with their container."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import containers, migrate, samples
from quiltctl.db.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
APART = 10 * SECOND


def sample(container_id: str, at: int, generation: int = 1, **given: Any) -> samples.Sample:
    """Return a sample of which nothing is known but what is given."""
    facts: dict[str, Any] = dict.fromkeys(samples.Sample._fields)
    return samples.Sample(**{**facts, **given, "container_id": container_id, "at": at, "generation": generation})


def recorded(connection: sqlite3.Connection, *wanted: samples.Sample) -> list[tuple[str, int]]:
    """Record samples, and return the container and the moment of all there are."""
    with transaction(connection):
        samples.record(connection, wanted, apart_ns=APART)
    return [tuple(row) for row in connection.execute("SELECT container_id, at FROM samples ORDER BY 1, 2")]


def test_sample_comes_back_as_it_was_recorded(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Every figure, and those that nobody knew."""
    container_id = add(1, "running")
    whole = samples.Sample(container_id, 5 * SECOND, 1, 1, 2, 3, 4, 5, 6, 7, 8)
    empty = sample(container_id, 50 * SECOND)

    recorded(connection, whole)
    recorded(connection, empty)

    assert samples.of_container(connection, container_id, 0) == [whole, empty]


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (9, 1), (10, 1), (11, 2)])
def test_sample_soon_after_another_is_not_recorded(
    connection: sqlite3.Connection, add: Callable[..., str], seconds: int, count: int
) -> None:
    """However often somebody looks, so much stands between two."""
    one, other = add(1, "running"), add(2, "running")
    recorded(connection, sample(one, 100 * SECOND))

    rows = recorded(connection, sample(one, (100 + seconds) * SECOND), sample(other, (100 + seconds) * SECOND))

    assert len([row for row in rows if row[0] == one]) == count
    assert len([row for row in rows if row[0] == other]) == 1


def test_sample_from_the_future_keeps_nobody_from_recording(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """The clock may have been set back since it was written."""
    container_id = add(1, "running")
    recorded(connection, sample(container_id, 5000 * SECOND))

    assert len(recorded(connection, sample(container_id, 100 * SECOND))) == 2


@pytest.mark.parametrize(("state", "generation"), [("exited", 1), ("created", 1), ("running", 2)])
def test_sample_of_what_does_not_run_any_more_is_not_recorded(
    connection: sqlite3.Connection, add: Callable[..., str], state: str, generation: int
) -> None:
    """A container may have ended, or begun anew, since it was looked at."""
    assert recorded(connection, sample(add(1, state), SECOND, generation), sample("f" * 64, SECOND)) == []


def test_samples_go_with_their_container(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Nobody has to remove them."""
    container_id = add(1, "running")
    recorded(connection, sample(container_id, SECOND))
    containers.move(connection, container_id, 1, ("running",), "exited", exit_reason="exited", finished_at=1)

    assert containers.delete(connection, container_id, 1)

    assert connection.execute("SELECT count(*) FROM samples").fetchone()[0] == 0


def test_old_samples_are_forgotten(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """Those from before a moment, of every container, also of those that have ended."""
    one, other = add(1, "running"), add(2, "running")
    for at in (100, 200, 300):
        recorded(connection, sample(one, at * SECOND), sample(other, at * SECOND))
    containers.move(connection, one, 1, ("running",), "exited", exit_reason="exited", finished_at=1)

    samples.delete_before(connection, 200 * SECOND)

    assert recorded(connection) == [(c, at * SECOND) for c in sorted((one, other)) for at in (200, 300)]


def test_samples_since_a_moment_begin_with_the_last_one_before(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """Without it nobody could say what was used up to the first of them."""
    container_id = add(1, "running")
    for at in (100, 200, 300, 400):
        recorded(connection, sample(container_id, at * SECOND))

    found = [[one.at // SECOND for one in samples.of_container(connection, container_id, at)] for at in
             (0, 250 * SECOND, 300 * SECOND, 500 * SECOND)]  # fmt: skip

    assert found == [[100, 200, 300, 400], [200, 300, 400], [200, 300, 400], [400]]


@pytest.mark.parametrize(
    "facts", [{"cpu_ns": -1}, {"memory_bytes": -1}, {"pids": -1}, {"sent_bytes": -1}, {"at": 0}, {"at": 10.5}]
)
def test_schema_takes_no_sample_that_cannot_be(
    connection: sqlite3.Connection, add: Callable[..., str], facts: dict[str, Any]
) -> None:
    """Whoever writes."""
    row = {"container_id": add(1, "running"), "at": 1, "generation": 1, **facts}
    names = ", ".join(row)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"INSERT INTO samples ({names}) VALUES (:{', :'.join(row)})", row)


def test_database_of_an_older_version_has_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as it is, since reading changes nothing."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", migrate.MIGRATIONS[:4])
        migrate.upgrade(connection)

    assert samples.of_container(connection, "a" * 64, 0) == []

    connection.close()
