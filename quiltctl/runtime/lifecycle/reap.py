"""Folding what has happened into the database: a live row whose shim is dead becomes what the kernel says it is."""

from __future__ import annotations

import os

from quiltctl.db import containers
from quiltctl.runtime import liveness
from quiltctl.runtime.lifecycle import observe, settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_SIGKILL = 9
_DYING_S = 10.0


def reap(paths: Paths, connection: sqlite3.Connection, container: Container) -> Container | None:
    """Return the container as it is, with the row mended where it was wrong; None when it is gone, as with --rm.

    The shim has ended without settling: killed, or the database could not be written, or the host went down.
    """
    true = observe.observe(connection, paths, container)
    if true is not None and true.state in containers.LIVE and not observe.has_shim(true):
        _end_orphan(connection, true)
        true = observe.observe(connection, paths, true)
    if true is None or true.state in containers.LIVE:
        return true
    now = containers.get(connection, true.id)
    if now is None or now.state not in containers.LIVE:
        return now
    recorded = true.exit_reason not in {observe.SUPERVISOR_LOST, observe.HOST_REBOOT, observe.START_FAILED}
    settle.write_end(paths, connection, true, monitor="completed" if recorded else "aborted")
    return containers.get(connection, true.id)


def _end_orphan(connection: sqlite3.Connection, container: Container) -> None:
    """End a program that has outlived its shim, and all that belongs to it: nobody would see its end."""
    from quiltctl.db import cleanup
    from quiltctl.runtime.cgroup import population
    from quiltctl.runtime.linux import pidfd

    process_fd = liveness.hold(container.pid, container.pid_started, container.boot_id)
    if process_fd is None:
        return
    for path in cleanup.resources_of(connection, container.id, "cgroup"):
        population.kill(path)
    pidfd.send_signal(process_fd, _SIGKILL)
    pidfd.wait_all([process_fd], _DYING_S)
    os.close(process_fd)


def find(paths: Paths, connection: sqlite3.Connection, reference: str) -> Container:
    """Return the container that a reference names, its row mended where it was wrong.

    Raises:
        NotFound: there is none, or there is none any more.
        Ambiguous: several ids begin so.
    """
    from quiltctl import errors

    container = reap(paths, connection, containers.find(connection, reference))
    if container is None:
        raise errors.NotFound("container", reference)
    return container
