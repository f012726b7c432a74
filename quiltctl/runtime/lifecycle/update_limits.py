"""Changing the limits of a container: the kernel first, for one that runs, then the row."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from quiltctl import errors
from quiltctl.db import cleanup, containers
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode
from quiltctl.model.limits import changed, limits_from
from quiltctl.model.spec import spec_from
from quiltctl.runtime.cgroup import change, limits
from quiltctl.runtime.cgroup.layout import find_layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.model.limits import Limits
    from quiltctl.paths import Paths

_STARTING_S = 10.0
_STEP_S = 0.01


def update(paths: Paths, connection: sqlite3.Connection, container: Container, given: Limits) -> None:
    """Put the given limits in the place of those that the container has; the others stay.

    Raises:
        UsageError: they cannot be, together with those that stay.
        HostLacks: this host has no such limit, or the container no cgroup.
        WrongState: it has been removed meanwhile, or does not come to run.
        KernelError: the kernel refuses one of them; then all are as they were.
    """
    lock_fd = _lock(paths, container)
    try:
        _update(connection, _settled(connection, container), given)
    finally:
        os.close(lock_fd)


def _lock(paths: Paths, container: Container) -> int:
    """Wait until nobody else changes this container, and return what holds it."""
    try:
        lock_fd = os.open(paths.container(container.id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:  # it has never been started
        lock_fd = os.open(paths.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock_fd, fcntl.LOCK_EX)
    return lock_fd


def _settled(connection: sqlite3.Connection, container: Container) -> Container:
    """Return the container once it is not starting any more: whoever starts it has read its limits already."""
    deadline = time.monotonic() + _STARTING_S
    while True:
        now = containers.get(connection, container.id)
        if now is None:
            raise errors.WrongState(f"cannot update {container.name}: it has been removed")
        if now.state != "starting":
            return now
        if time.monotonic() > deadline:
            raise errors.WrongState(f"cannot update {container.name}: it is starting", hint="try again once it runs")
        time.sleep(_STEP_S)


def _update(connection: sqlite3.Connection, container: Container, given: Limits) -> None:
    spec = spec_from(decode(containers.config_of(connection, container.id)))
    if spec.cgroups == "disabled":
        raise errors.HostLacks(
            f"cannot update the limits of {container.name}: it has no cgroup",
            hint="it was made with --cgroups disabled",
        )
    before = limits_from(spec.limits)
    after = changed(before, given)
    layout = find_layout()
    former, planned = limits.plan(layout, before), limits.plan(layout, after)
    path = cleanup.cgroup_of(connection, container.id) if container.state in containers.LIVE else ""
    undo: list[tuple[str, str]] = []
    if path:
        try:
            undo = change.apply(layout, path, former, planned)
        except OSError as error:
            raise _refusal(container, error) from error
    try:
        with transaction(connection):
            containers.set_option(connection, container.id, "limits", after.given())
    except BaseException:
        change.restore(undo)
        raise


def _refusal(container: Container, error: OSError) -> errors.QuiltError:
    wish = f"cannot update {container.name}"
    if error.errno == errno.EBUSY:
        return errors.KernelError(
            f"{wish}: {error.filename}: it uses more than that now", hint="give it more, or stop it"
        )
    if error.errno in {errno.ENOENT, errno.ENODEV}:
        return errors.WrongState(f"{wish}: it has just ended, or this host has no such limit: {error.filename}")
    reason = os.strerror(error.errno or 0).lower()
    return errors.KernelError(f"{wish}: the kernel does not take {error.filename}: {reason}")
