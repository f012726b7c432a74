"""Signals to containers: `kill`, and what `stop` begins with. By pidfd, so that a reused pid is never hit."""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.db import cleanup
from quiltctl.runtime import liveness
from quiltctl.runtime.cgroup import population
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

SIGKILL = 9


def kill(paths: Paths, connection: sqlite3.Connection, container: Container, signal: int) -> None:
    """Send a signal to the first process of a container. Its shim is told of SIGKILL, and no freezer holds that.

    Raises:
        WrongState: it does not run.
    """
    init_fd = liveness.hold(container.pid, container.pid_started, container.boot_id)
    if container.state not in {"running", "paused"} or init_fd is None:
        raise errors.WrongState(
            f"cannot kill {container.name}: it is not running",
            hint="it has just ended" if container.state in {"running", "paused"} else f"its state is {container.state}",
        )
    if signal == SIGKILL:
        announce(paths, container.id, "kill")
    pidfd.send_signal(init_fd, signal)
    if signal == SIGKILL and population.frozen_survive():
        population.thaw(cleanup.cgroup_of(connection, container.id))
    os.close(init_fd)


def announce(paths: Paths, container_id: str, word: str) -> None:
    """Tell the shim that the end which comes now was asked for, by ``stop`` or ``kill``. A dead one need not know."""
    try:
        fd = os.open(f"{paths.container(container_id)}/control", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # ENXIO: nobody reads it; ENOENT: the folder is gone
        return
    os.write(fd, f"{word}\n".encode())
    os.close(fd)
