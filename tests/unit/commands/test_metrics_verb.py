"""`metrics`: what it tells, read by the library's own parser."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl import __version__
from quiltctl.db import cleanup, containers, meta
from quiltctl.db.connection import open_to_write, transaction
from tests.metric_families import parse_openmetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]
    Numbers = dict[str, dict[tuple[str, ...], float]]

STARTED_AT = 1_700_000_000


def numbers(call: Call, capsys: Capture) -> Numbers:
    """Return by metric the numbers, by the values of their labels but id, image and root."""
    assert call("metrics") == 0
    found: Numbers = {}
    for family in parse_openmetrics(capsys.readouterr().out):
        for sample in family.samples:
            rest = {k: v for k, v in sample.labels.items() if k not in {"id", "image", "root"}}
            found.setdefault(sample.name, {})[tuple(rest[key] for key in sorted(rest))] = sample.value
    return found


def test_metrics_of_nothing_are_zeros(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """What can be counted is 0 rather than missing, so that alerts work; and no database is made."""
    found = numbers(call, capsys)

    assert set(found) == {
        "quilt_build_info",
        "quilt_containers",
        "quilt_exits_total",
        "quilt_oom_kills_total",
        "quilt_cleanup_tasks",
        "quilt_images",
        "quilt_database_size_bytes",
    }
    assert found.pop("quilt_build_info") == {(__version__,): 1.0}
    assert {number for samples in found.values() for number in samples.values()} == {0.0}
    assert not os.path.exists(quilt_root.root)


def test_metrics_tell_states_as_they_are(call: Call, capsys: Capture, make: Make) -> None:
    """A container whose shim is dead is not counted as running, and its code is not guessed."""
    make("web", "running")
    make("idle", "paused")
    make("old", "exited", facts={"exit_code": 137, "exit_reason": "killed"})
    make("new", "created")
    make("bad", "error")
    make("lost", "running", lost=True)

    found = numbers(call, capsys)

    counts = {"created": 1, "starting": 0, "running": 1, "paused": 1, "exited": 2, "error": 1}
    assert found["quilt_containers"] == {(state,): float(count) for state, count in counts.items()}
    states = {
        "web": "running",
        "idle": "paused",
        "old": "exited",
        "new": "created",
        "bad": "error",
        "lost": "exited",
    }
    assert found["quilt_container_state"] == dict.fromkeys(states.items(), 1.0)
    running = {name for (name,), number in found["quilt_container_running"].items() if number}
    assert running == {"web", "idle"}
    assert found["quilt_container_last_exit_code"] == {("old",): 137.0, ("lost",): -1.0}
    assert found["quilt_container_start_time_seconds"][("web",)] == STARTED_AT
    assert ("new",) not in found["quilt_container_start_time_seconds"]
    assert "quilt_container_cpu_seconds_total" not in found


def test_metrics_count_ends_kills_and_restarts(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """Over all runs, also of what is removed; only restarts are of the container alone."""
    again = make("again", "exited", facts={"exit_reason": "oom-killed"})
    gone = make("gone", "exited", facts={"exit_reason": "strange"})
    connection = open_to_write(quilt_root)
    with transaction(connection):
        for container_id, kills in ((again, 3), (gone, 1)):
            connection.execute(
                "INSERT INTO events (at, kind, action, object_id, attributes)"
                " VALUES (1, 'container', 'oom', ?, json_object('kills', ?))",
                (container_id, kills),
            )
        containers.begin_start(connection, again, shim_pid=1, shim_started=1, boot_id="b")
        containers.delete(connection, gone, 1)

    found = numbers(call, capsys)

    assert found["quilt_exits_total"][("oom-killed",)] == found["quilt_exits_total"][("strange",)] == 1.0
    assert found["quilt_exits_total"][("exited",)] == 0.0
    assert found["quilt_oom_kills_total"] == {(): 4.0}
    assert found["quilt_container_oom_kills_total"] == {("again",): 3.0}
    assert found["quilt_container_restarts_total"] == {("again",): 1.0}


@pytest.mark.usefixtures("debian")
def test_metrics_tell_what_waits_for_gc(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """Open tasks by type and state, and when gc ran; what a container still uses waits for nobody."""
    alive, dead = make("web", "running"), make("old", "exited")
    connection = open_to_write(quilt_root)
    with transaction(connection):
        for container_id in (alive, dead):
            cleanup.plan(connection, container_id, "cgroup", f"quilt/{container_id}")
        cleanup.plan(connection, "f" * 64, "rootfs", "/gone")
        cleanup.fail(connection, cleanup.tasks_of(connection, "f" * 64)[0].id, "busy")
        meta.put(connection, "collected_at", str(STARTED_AT * 10**9))

    found = numbers(call, capsys)

    assert {key: number for key, number in found["quilt_cleanup_tasks"].items() if number} == {
        ("pending", "cgroup"): 1.0,
        ("failed", "rootfs"): 1.0,
    }
    assert len(found["quilt_cleanup_tasks"]) == 18
    assert found["quilt_last_gc_time_seconds"] == {(): float(STARTED_AT)}
    assert found["quilt_images"] == {(): 1.0}
    size = sum(Path(f"{quilt_root.database}{end}").stat().st_size for end in ("", "-wal", "-shm"))
    assert found["quilt_database_size_bytes"] == {(): float(size)}


def test_metrics_name_container_and_root(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """What a query joins by: a short id, the name and the image as it was spelt; hostile ones are escaped."""
    make("web", "running", image='./a"b\n.tar')

    call("metrics")

    families = {family.name: family for family in parse_openmetrics(capsys.readouterr().out)}
    (sample,) = families["quilt_container_running"].samples
    assert sample.labels == {"id": "100000000000", "name": "web", "image": './a"b\n.tar'}
    assert families["quilt_images"].samples[0].labels == {"root": quilt_root.root}


def test_metrics_write_nothing(call: Call, capsys: Capture, make: Make, quilt_root: Paths) -> None:
    """Neither the database nor its log changes, also where the rows are known to be wrong."""
    make("lost", "running", lost=True)

    def content() -> list[bytes]:
        return [Path(file).read_bytes() for file in (quilt_root.database, f"{quilt_root.database}-wal")]

    before = content()
    numbers(call, capsys)

    assert content() == before


def test_metrics_of_many_containers_are_quick(call: Call, capsys: Capture, make: Make) -> None:
    """The library is not asked once for each number: 200 containers take well below a second."""
    for number in range(200):
        make(f"c{number}", "running", container_id=f"{number:064x}")
    numbers(call, capsys)
    begin = time.monotonic()
    numbers(call, capsys)
    assert time.monotonic() - begin < 2
