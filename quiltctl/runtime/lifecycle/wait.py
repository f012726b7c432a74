"""Waiting for what containers do, asleep until it happens: the kernel tells of a shim's end, inotify of a commit."""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.model.value import Value
from quiltctl.runtime import liveness
from quiltctl.runtime.lifecycle.observe import observe
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_SECOND_LOOK_MS = 50


class Awaited(Value):
    """A run of a container that somebody waits for. ``shim_fd`` is None where nothing runs."""

    container_id: str
    generation: int
    shim_fd: int | None


def begin(connection: sqlite3.Connection, paths: Paths, reference: str) -> Awaited:
    """Take hold of the run of a container that is now: what comes after it, or its removal, changes nothing.

    Raises:
        NotFound: there is no such container, and none that was removed after it had run.
    """
    try:
        container = containers.find(connection, reference)
    except errors.NotFound:
        # Nothing but a slash would be the beginning of every id.
        last = containers.last_exit(connection, reference) if reference.removeprefix("/") else None
        if last is None:
            raise
        return Awaited(last[0], -1, None)
    now = observe(connection, paths, container)
    if now is None:
        return Awaited(container.id, -1, None)
    return Awaited(now.id, now.generation, _open_owner(now))


def wait_for_end(connection: sqlite3.Connection, paths: Paths, awaited: Awaited) -> int | None:
    """Return the exit code once the run has ended; None where nobody knows it. What never ran has ended with 0."""
    owner_fd = awaited.shim_fd
    now = None
    while owner_fd is not None:
        pidfd.wait_all([owner_fd], None)
        os.close(owner_fd)
        now = _look(connection, paths, awaited.container_id)
        # A program that outlives its shim is waited for as well.
        owner_fd = None if now is None or now.generation != awaited.generation else _open_owner(now)
    now = now or _look(connection, paths, awaited.container_id)
    if now is not None and now.generation == awaited.generation:
        return 0 if now.state == "created" else now.exit_code
    # Removed, or started anew by now: the event of its end stays.
    last = containers.last_exit(connection, awaited.container_id)
    return None if last is None else last[1]


def wait_for_state(
    connection: sqlite3.Connection, paths: Paths, awaited: Awaited, states: Collection[str]
) -> Container | None:
    """Return the container once it is in one of the states, or None once it is ``removed``, where that is one.

    Raises:
        NotFound: it was removed, and nobody waited for that.
    """
    from select import POLLIN, poll

    from quiltctl.runtime.linux import inotify

    with inotify.opened() as inotify_fd:
        # The folder, not quilt.db-wal itself: that may not be there yet. What lies deeper is not watched.
        inotify.watch(inotify_fd, paths.root, inotify.IN_MODIFY | inotify.IN_CLOSE_WRITE | inotify.IN_CREATE)
        patience_ms = None
        while True:
            now = _look(connection, paths, awaited.container_id)
            if now is None and "removed" not in states:
                raise errors.NotFound("container", awaited.container_id[:12], hint="it was removed meanwhile")
            if now is None or now.state in states:
                return now
            waiting = poll()
            waiting.register(inotify_fd, POLLIN)
            shim_fd = _open_owner(now)
            if shim_fd is not None:
                waiting.register(shim_fd, POLLIN)
            # A commit is written to -wal, which is the event, and only then published in -shm, which is none: so a
            # second look soon after. The writer's end, when it closes -wal, is one more event.
            patience_ms = _SECOND_LOOK_MS if waiting.poll(patience_ms) else None
            inotify.drain(inotify_fd)
            if shim_fd is not None:
                os.close(shim_fd)


def _look(connection: sqlite3.Connection, paths: Paths, container_id: str) -> Container | None:
    container = containers.get(connection, container_id)
    return None if container is None else observe(connection, paths, container)


def _open_owner(container: Container) -> int | None:
    """Return a pidfd of the shim of a container that runs, or, where that is dead, of its program."""
    if container.state not in containers.LIVE:
        return None
    shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
    if shim_fd is not None:
        return shim_fd
    return liveness.hold(container.pid, container.pid_started, container.boot_id)
