"""`stop`: the stop signal to all, then one wait for all of them, then SIGKILL to who is left."""

from __future__ import annotations

import os
import time

from quiltctl import errors
from quiltctl.db import cleanup, containers
from quiltctl.runtime import liveness
from quiltctl.runtime.cgroup import population
from quiltctl.runtime.lifecycle import reap, signal_container
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

SIGKILL = 9
_SETTLING_S = 10.0
"""How long a shim may take to write the end of a killed container. After that it is killed itself."""
_LOOK_S = 0.2
"""How often the row is looked at beside the shim."""


def stop(
    paths: Paths,
    connection: sqlite3.Connection,
    chosen: Sequence[Container],
    *,
    timeout_s: float | None,
    warn: Callable[[str], None],
) -> None:
    """Stop the containers among these that run, and return when their ends are written.

    ``timeout_s`` overrides each container's own; negative waits for ever. ``warn`` is told who had to be killed.
    """
    waiting: dict[int, _Awaited] = {}
    for container in chosen:
        shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
        if container.state not in containers.LIVE or shim_fd is None:
            continue
        signal, own_timeout_s = stop_parameters(connection, container.id)
        patience_s = own_timeout_s if timeout_s is None else timeout_s
        signal_container.announce(paths, container.id, "stop")
        _send(paths, connection, container, signal if patience_s else SIGKILL)
        if container.state == "paused":
            population.thaw(cleanup.cgroup_of(connection, container.id))
        waiting[shim_fd] = _Awaited(container, patience_s)
    _wait_and_kill(paths, waiting, connection, warn)
    for awaited in waiting.values():
        reap.reap(paths, connection, containers.get(connection, awaited.container.id) or awaited.container)


class _Awaited:
    """A container that was told to end, and until when it may take for what comes next."""

    def __init__(self, container: Container, patience_s: float) -> None:
        self.container = container
        self.killed = patience_s == 0
        self.deadline = None if patience_s < 0 else time.monotonic() + (patience_s or _SETTLING_S)


def _wait_and_kill(
    paths: Paths, waiting: dict[int, _Awaited], connection: sqlite3.Connection, warn: Callable[[str], None]
) -> None:
    """Wait until all have ended; when the time is over kill the container, and after that its shim.

    The row is looked at as well: a shim may outlive its container, for as long as somebody does not read its output.
    """
    left = dict(waiting)
    while left:
        deadlines = [awaited.deadline for awaited in left.values() if awaited.deadline is not None]
        soonest_s = max(0.0, min(deadlines) - time.monotonic()) if deadlines else _LOOK_S
        ended = pidfd.wait_any(left, min(soonest_s, _LOOK_S))
        ended |= {shim_fd for shim_fd, awaited in left.items() if _is_over(connection, awaited)}
        overdue = [
            shim_fd
            for shim_fd, awaited in left.items()
            if shim_fd not in ended and awaited.deadline is not None and time.monotonic() >= awaited.deadline
        ]
        for shim_fd in overdue:
            if left[shim_fd].killed:
                pidfd.send_signal(shim_fd, SIGKILL)
                ended |= {shim_fd, *pidfd.wait_all([shim_fd], _SETTLING_S)}
            else:
                _kill(paths, left[shim_fd], connection, warn)
        for shim_fd in ended:
            del left[shim_fd]
            os.close(shim_fd)


def _kill(paths: Paths, awaited: _Awaited, connection: sqlite3.Connection, warn: Callable[[str], None]) -> None:
    signal = stop_parameters(connection, awaited.container.id)[0]
    warn(f"{awaited.container.name} did not end within its time after signal {signal}: it is killed")
    _send(paths, connection, awaited.container, SIGKILL)
    awaited.killed, awaited.deadline = True, time.monotonic() + _SETTLING_S


def _is_over(connection: sqlite3.Connection, awaited: _Awaited) -> bool:
    """Return whether the end of this run is written, or the container is gone.

    One that somebody has paused meanwhile is let go on: it must hear its signal.
    """
    now = containers.get(connection, awaited.container.id)
    if now is None or now.generation != awaited.container.generation or now.state not in containers.LIVE:
        return True
    if now.state == "paused":
        population.thaw(cleanup.cgroup_of(connection, now.id))
    return False


def stop_parameters(connection: sqlite3.Connection, container_id: str) -> tuple[int, float]:
    """Return the stop signal and the time in seconds that the container was made with."""
    row = connection.execute(
        "SELECT config ->> '$.stop_signal', config ->> '$.stop_timeout_s' FROM containers WHERE id = ?", (container_id,)
    ).fetchone()
    return (15, 10.0) if row is None else (int(row[0]), float(row[1]))


def _send(paths: Paths, connection: sqlite3.Connection, container: Container, signal: int) -> None:
    """Send a signal to the first process, or, while there is none yet, SIGKILL to the shim that is making it."""
    try:
        signal_container.kill(paths, connection, container, signal)
    except errors.WrongState:
        shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
        if shim_fd is not None and container.state == "starting":
            pidfd.send_signal(shim_fd, SIGKILL)
