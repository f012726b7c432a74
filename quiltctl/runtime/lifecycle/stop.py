"""`stop`: the stop signal to all, then one wait for all of them, then SIGKILL to who is left."""

from __future__ import annotations

import os
import time

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.runtime import liveness
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
    waiting: dict[int, tuple[Container, float | None]] = {}
    for container in chosen:
        shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
        if container.state not in containers.LIVE or shim_fd is None:
            continue
        signal, own_timeout_s = stop_parameters(connection, container.id)
        patience_s = own_timeout_s if timeout_s is None else timeout_s
        signal_container.announce_stop(paths, container.id)
        if patience_s == 0:
            _send(container, SIGKILL)
            waiting[shim_fd] = (container, None)
        else:
            _send(container, signal)
            waiting[shim_fd] = (container, None if patience_s < 0 else time.monotonic() + patience_s)
    _wait_and_kill(waiting, connection, warn)
    for container, _ in waiting.values():
        reap.reap(paths, connection, containers.get(connection, container.id) or container)


def _wait_and_kill(
    waiting: dict[int, tuple[Container, float | None]], connection: sqlite3.Connection, warn: Callable[[str], None]
) -> None:
    left = dict(waiting)
    while left:
        deadlines = [deadline for _, deadline in left.values() if deadline is not None]
        soonest_s = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        for shim_fd in pidfd.wait_any(left, soonest_s):
            del left[shim_fd]
            os.close(shim_fd)
        overdue = {
            fd: container
            for fd, (container, deadline) in left.items()
            if deadline is not None and time.monotonic() >= deadline
        }
        for container in overdue.values():
            signal = stop_parameters(connection, container.id)[0]
            warn(f"{container.name} did not end within its time after signal {signal}: it is killed")
            _send(container, SIGKILL)
        for shim_fd in overdue:
            if shim_fd not in pidfd.wait_all([shim_fd], _SETTLING_S):
                pidfd.send_signal(shim_fd, SIGKILL)
                pidfd.wait_all([shim_fd], _SETTLING_S)
            del left[shim_fd]
            os.close(shim_fd)


def stop_parameters(connection: sqlite3.Connection, container_id: str) -> tuple[int, float]:
    """Return the stop signal and the time in seconds that the container was made with."""
    row = connection.execute(
        "SELECT config ->> '$.stop_signal', config ->> '$.stop_timeout_s' FROM containers WHERE id = ?", (container_id,)
    ).fetchone()
    return (15, 10.0) if row is None else (int(row[0]), float(row[1]))


def _send(container: Container, signal: int) -> None:
    """Send a signal to the first process, or, while there is none yet, SIGKILL to the shim that is making it."""
    try:
        signal_container.kill(container, signal)
    except errors.WrongState:
        shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
        if shim_fd is not None and container.state == "starting":
            pidfd.send_signal(shim_fd, SIGKILL)
