"""What containers have used by now: one query for all of them, then the kernel's files of each.

Whatever ends meanwhile is no error: it is not in the sample, or, where it was asked for by name, in it without figures.
"""

from __future__ import annotations

import os
import time

from quiltctl.db import container_views, containers
from quiltctl.model.figures import NOTHING, Traffic
from quiltctl.model.value import Value
from quiltctl.runtime import host
from quiltctl.runtime.cgroup import place
from quiltctl.runtime.cgroup.figures import Reader
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.lifecycle.observe import observe
from quiltctl.runtime.linux import pidfd
from quiltctl.runtime.network import traffic

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.container_views import Counted
    from quiltctl.db.containers import Container
    from quiltctl.model.figures import Figures
    from quiltctl.paths import Paths

_TICK_NS = 10_000_000
"""What a start time counts in: USER_HZ is 100 wherever Linux runs (time(7))."""
_RUNNING = ("running", "paused")


class Usage(Value):
    """One container at one moment."""

    container: Container
    """As it was then (lifecycle/observe.py)."""
    at_ns: int
    """Nanoseconds since the boot, which no setting of a clock changes."""
    figures: Figures
    traffic: Traffic

    @property
    def up_ns(self) -> int | None:
        """Return for how long its program runs, or None where it does not run."""
        started = self.container.pid_started if self.container.state in _RUNNING else None
        return None if started is None else max(self.at_ns - started * _TICK_NS, 1)


def cpu_percent(now: Usage, before: Usage | None = None) -> float | None:
    """Return how much of one processor's time a container has used: since it was looked at before, or since its start.

    100 is all the time of one of them. None where it is not known.
    """
    used_ns, span_ns = now.figures.cpu_ns, now.up_ns
    if before is not None and before.container.generation == now.container.generation:
        used_before_ns = before.figures.cpu_ns
        if used_ns is not None and used_before_ns is not None:
            used_ns, span_ns = max(used_ns - used_before_ns, 0), now.at_ns - before.at_ns
    return None if used_ns is None or not span_ns else 100 * used_ns / span_ns


def sample(
    paths: Paths, connection: sqlite3.Connection, ids: Sequence[str] | None = None, *, all: bool = False
) -> list[Usage]:
    """Return what containers use, the oldest container first: those of these ids, all, or those that run.

    Of one that does not run nothing is known.
    """
    rows = container_views.counted(connection, ids, states=() if all or ids is not None else _RUNNING)
    reader = Reader(find_layout(), host.memory().total_bytes) if rows else None
    found: list[Usage] = []
    for row in rows:
        container = observe(connection, paths, row.container)
        if container is None:
            continue
        usage = None
        if reader is not None and container.state in _RUNNING:
            usage = _look(paths, reader, row, container)
        if usage is None and (all or ids is not None):
            usage = _unknown(connection, paths, container)
        if usage is not None:
            found.append(usage)
    return found


def _look(paths: Paths, reader: Reader, row: Counted, container: Container) -> Usage | None:
    """Return what a container that runs has used, or None: it has ended."""
    try:
        # Its first process, held: the shim goes on for a moment after that has ended, and takes the cgroup away.
        folder_fd = pidfd.open_folder(container.pid or 0, container.pid_started or 0)
    except ProcessLookupError:
        return None
    try:
        path = place.of_container(paths, container.id, row.cgroup_parent)
        figures = NOTHING if row.cgroups == "disabled" else reader.read(path)
        at_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        flows = _traffic(row, folder_fd)
        if flows is None or not _goes_on(container, figures):
            return None
        return Usage(container, at_ns, figures, flows)
    finally:
        os.close(folder_fd)


def _traffic(row: Counted, folder_fd: int) -> Traffic | None:
    if row.network in {"none", "host"} or (row.network.startswith("container:") and traffic.is_shared(folder_fd)):
        return Traffic(0, 0)
    return traffic.read(folder_fd)


def _goes_on(container: Container, figures: Figures) -> bool:
    """Return whether it still runs, asked only where something could not be read: it may have gone meanwhile."""
    if None not in (figures.cpu_ns, figures.memory_bytes, figures.pids, figures.read_bytes):
        return True
    return pidfd.start_time(container.pid or 0) == container.pid_started


def _unknown(connection: sqlite3.Connection, paths: Paths, container: Container) -> Usage | None:
    """Return a container that does not run, as it is now that it has been looked at; None when it was removed."""
    if container.state in _RUNNING:
        again = containers.get(connection, container.id)
        now = None if again is None else observe(connection, paths, again)
        if now is None:
            return None
        container = now
    return Usage(container, time.clock_gettime_ns(time.CLOCK_BOOTTIME), NOTHING, Traffic())
