"""What `metrics` tells of a whole root, which is a label of each number: files of two roots say nothing twice."""

from __future__ import annotations

import os

from quiltctl import __version__
from quiltctl.db import cleanup, images, meta
from quiltctl.db.connection import size_bytes
from quiltctl.model.metric import COUNTER, GAUGE, Metric

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from quiltctl.db.tallies import Tallies
    from quiltctl.paths import Paths

_STATES = ("created", "starting", "running", "paused", "exited", "error")
_REASONS = (
    *("exited", "stopped", "timeout", "killed", "oom-killed", "caller-ended"),
    *("start-failed", "supervisor-lost", "host-reboot"),
)
_TASKS = ("rootfs", "cgroup", "network", "mounts", "volume", "layer")
_TASK_STATES = ("pending", "in_progress", "failed")
"""What is always told, 0 where it never happened: an alert can't be asked of a number that is not there."""


def of_root(connection: sqlite3.Connection, paths: Paths, states: Sequence[str], tallies: Tallies) -> list[Metric]:
    """Return all that is told of a root; ``states`` are those that its containers are in now, each as often."""
    root = {"root": os.fsencode(paths.root).decode("utf-8", "backslashreplace")}
    collected_at = meta.get(connection, "collected_at")
    tasks = {(kind, state): 0 for kind in _TASKS for state in _TASK_STATES} | cleanup.count_open(connection)
    return [
        _one(
            "quilt_build_info",
            GAUGE,
            "The version of quiltctl that tells this; 1.",
            {**root, "version": __version__},
            1,
        ),
        _by("quilt_containers", GAUGE, "Containers, by what they do now.", root, "state", _counted(states)),
        _by("quilt_exits_total", COUNTER, "Ends of containers, by their reasons.", root, "reason", _exits(tallies)),
        _one(
            "quilt_oom_kills_total",
            COUNTER,
            "Processes of containers that the kernel has killed for memory.",
            root,
            sum(tallies.oom_kills.values()),
        ),
        Metric(
            "quilt_cleanup_tasks",
            GAUGE,
            "What should be gone and is not, by its type and the state of its task.",
            tuple(({**root, "type": kind, "state": state}, count) for (kind, state), count in tasks.items()),
        ),
        _one("quilt_images", GAUGE, "Images.", root, images.count(connection)),
        _one("quilt_database_size_bytes", GAUGE, "The database with its log.", root, size_bytes(paths)),
        _one(
            "quilt_last_gc_time_seconds",
            GAUGE,
            "When gc ended last, in seconds since 1970; not there where it never ran.",
            root,
            None if collected_at is None else int(collected_at) / 10**9,
        ),
    ]


def _one(name: str, kind: str, help: str, labels: dict[str, str], number: float | None) -> Metric:
    return Metric(name, kind, help, () if number is None else ((labels, number),))


def _by(name: str, kind: str, help: str, root: dict[str, str], label: str, numbers: Mapping[str, int]) -> Metric:
    return Metric(name, kind, help, tuple(({**root, label: key}, number) for key, number in numbers.items()))


def _counted(states: Iterable[str]) -> dict[str, int]:
    found = dict.fromkeys(_STATES, 0)
    for state in states:
        found[state] = found.get(state, 0) + 1
    return found


def _exits(tallies: Tallies) -> dict[str, int]:
    return dict.fromkeys(_REASONS, 0) | tallies.exits
