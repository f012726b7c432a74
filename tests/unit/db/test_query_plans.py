"""How SQLite finds things: what every command asks must not read the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import (
    cleanup,
    container_views,
    containers,
    id_ranges,
    lease_views,
    leases,
    memberships,
    monitors,
    networks,
    samples,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths


@pytest.fixture
def plan_of(connection: sqlite3.Connection) -> Callable[[Callable[[], object]], list[str]]:
    """Give a function that returns how each statement of an act is carried out."""

    def plan(act: Callable[[], object]) -> list[str]:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        act()
        connection.set_trace_callback(None)
        # The trace gives statements with their values in place, so they can be explained as they ran.
        rows = [row for s in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {s}")]
        return [row["detail"] for row in rows]

    return plan


def test_listing_reads_one_index_and_no_config(
    connection: sqlite3.Connection, plan_of: Callable[..., list[str]]
) -> None:
    """All containers come, newest first, from the index that holds what a listing shows, without a sort."""
    plan = plan_of(lambda: containers.list_all(connection))
    assert plan == ["SCAN containers USING COVERING INDEX containers_listed"]


def test_listing_of_some_states_finds_them_by_state(
    connection: sqlite3.Connection, plan_of: Callable[..., list[str]]
) -> None:
    """The living are found without looking at the ended: either by state, or in the narrow index of the listing."""
    plan = plan_of(lambda: containers.list_all(connection, containers.LIVE))
    assert "containers_by_state (state=?)" in plan[0] or "COVERING INDEX containers_listed" in plan[0]


def test_find_searches_by_name_then_id_then_range(
    connection: sqlite3.Connection, plan_of: Callable[..., list[str]]
) -> None:
    """A reference that fits nothing has asked three indexes and scanned nothing."""

    def find() -> None:
        with pytest.raises(errors.NotFound):
            containers.find(connection, "abc")

    assert plan_of(find) == [
        "SEARCH containers USING INDEX sqlite_autoindex_containers_2 (name=?)",
        "SEARCH containers USING INDEX sqlite_autoindex_containers_1 (id=?)",
        "SEARCH containers USING INDEX sqlite_autoindex_containers_1 (id>? AND id<?)",
    ]


def test_nothing_a_command_asks_scans_a_table(
    connection: sqlite3.Connection, add: Callable[..., str], plan_of: Callable[..., list[str]]
) -> None:
    """What is asked about one container, or about shims and tasks, goes by an index whatever else there is."""
    container_id = add(1, "running")

    def ask() -> None:
        containers.get(connection, container_id)
        containers.config_of(connection, container_id)
        containers.move(connection, container_id, 1, ("running",), "exited", exit_reason="exited", finished_at=1)
        containers.begin_start(connection, container_id, shim_pid=1, shim_started=1, boot_id="b")
        containers.end_monitor(connection, container_id, 1, "completed", "exit")
        containers.rename(connection, container_id, "other")
        containers.last_exit(connection, "other")
        cleanup.plan(connection, container_id, "cgroup", "r")
        cleanup.tasks_of(connection, container_id)
        cleanup.complete(connection, container_id)
        monitors.list_all(connection)

    tables = ("containers", "events", "process_monitors", "cleanup_tasks", "c", "m", "t", "container_moves")
    scanned = [detail for detail in plan_of(ask) if detail.startswith(tuple(f"SCAN {table}" for table in tables))]
    assert scanned == []


def test_lease_and_its_return_scan_nothing(
    connection: sqlite3.Connection, add: Callable[..., str], plan_of: Callable[..., list[str]]
) -> None:
    """A range is found, guarded against overlap, and given back by index alone."""
    owner = add(1)

    def live() -> None:
        first = id_ranges.lease(connection, id_ranges.SLOT, (id_ranges.SLOT, id_ranges.SLOT * 100))
        id_ranges.use(connection, owner, first)
        assert id_ranges.used_by(connection, owner) == first
        id_ranges.give_back(connection, owner)

    assert [step for step in plan_of(live) if step.startswith("SCAN")] == []


def test_life_of_an_address_scans_nothing(
    quilt_root: Paths,
    connection: sqlite3.Connection,
    add: Callable[..., str],
    network: Callable[..., Network],
    join: Callable[..., Membership],
    plan_of: Callable[[Callable[[], object]], list[str]],
) -> None:
    """What every start and every end asks of networks goes by an index, however many containers there are."""
    container_id, app = add(1), network(1)
    member = join(container_id, app)
    port = {"host_ip": "", "host_port": 80, "container_port": 8080, "protocol": "tcp"}

    def live() -> None:
        networks.named(connection, "n1")
        memberships.of_container(connection, container_id)
        memberships.of_network(connection, app.id)
        memberships.joined_by(connection, container_id)
        leases.lease(quilt_root, connection, app, member, ports=(port,))
        leases.activate(connection, container_id)
        lease_views.endpoints_of(connection, container_id)
        leases.of_network(connection, app.id)
        leases.port_owner(connection, "tcp", "10.0.0.1", 80)
        leases.set_egress(connection, container_id, ())
        leases.release(connection, container_id)
        memberships.delete(connection, container_id, app.id)

    scanned = [step for step in plan_of(live) if step.startswith("SCAN") and "json_each" not in step]
    assert scanned == []


def test_samples_are_found_by_container_and_time(
    connection: sqlite3.Connection, add: Callable[..., str], plan_of: Callable[[Callable[[], object]], list[str]]
) -> None:
    """However many there are, recording one, forgetting old ones and reading a time look at no others."""
    container_id = add(1, "running")
    one = samples.Sample(container_id, 1, 1, *[None] * 8)

    def live() -> None:
        samples.record(connection, [one], apart_ns=10)
        samples.of_container(connection, container_id, 1)

    plan, forgetting = plan_of(live), plan_of(lambda: samples.delete_before(connection, 1))
    assert [step for step in plan if "samples" in step and "container_id=? AND at" not in step] == []
    assert {step for step in plan if step.startswith("SCAN")} == {"SCAN CONSTANT ROW", "SCAN sqlite_master"}
    assert "SEARCH samples USING PRIMARY KEY (container_id=? AND at<?)" in forgetting


def test_containers_to_sample_come_by_one_query(
    connection: sqlite3.Connection, add: Callable[..., str], plan_of: Callable[[Callable[[], object]], list[str]]
) -> None:
    """Those that run by their state, those that are named by their ids; the ended ones are not looked at."""
    container_id = add(1, "running")

    by_state = plan_of(lambda: container_views.counted(connection, states=("running", "paused")))
    by_id = plan_of(lambda: container_views.counted(connection, [container_id]))

    assert by_state[0] == "SEARCH containers USING INDEX containers_by_state (state=?)"
    assert by_id[0] == "SEARCH containers USING INDEX sqlite_autoindex_containers_1 (id=?)"
