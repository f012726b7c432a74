"""Changing the limits of a container: the kernel first, for one that runs, then the row."""

from __future__ import annotations

import errno
import os
import time

from quiltctl import errors
from quiltctl.db import cleanup, configs, containers
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode
from quiltctl.model.limits import Limits, changed, limits_from
from quiltctl.model.spec import spec_from
from quiltctl.runtime.cgroup import change, limits, population
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.lifecycle import lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths
    from quiltctl.runtime.cgroup.layout import Layout
    from quiltctl.runtime.cgroup.limits import Write

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
    with lock.held(paths, container.id):
        done = False
        while not done:  # it was started just then
            now = _settled(connection, container)
            problem = _take_back(connection, now)
            if problem is not None and given.memory_bytes is None:
                raise errors.KernelError(
                    f"cannot update {now.name}: one before was killed, and cannot be taken back: {_text(problem)}",
                    hint="give --memory as well, or stop it",
                )
            done = _update(connection, now, given)


def unfinished(connection: sqlite3.Connection) -> list[Container]:
    """Return the containers with an update that has begun and was not finished: it goes on, or was killed."""
    ids = configs.updating(connection)
    return [one for one in containers.list_all(connection) if one.id in ids] if ids else []


def take_back(paths: Paths, connection: sqlite3.Connection, container: Container) -> str | None:
    """Undo an update that was killed. Returns why that failed, "" if it did not, None when there is none to undo."""
    with lock.held(paths, container.id, wait=False) as alone:
        now = containers.get(connection, container.id) if alone else None  # else it goes on
        if now is None or now.id not in configs.updating(connection):
            return None
        problem = _take_back(connection, now)
        return "" if problem is None else _text(problem)


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


def _update(connection: sqlite3.Connection, container: Container, given: Limits) -> bool:
    """Put the limits into the kernel and the row. Returns False where the container is not in the same run any more."""
    spec = spec_from(decode(configs.config_of(connection, container.id)))
    if spec.cgroups == "disabled":
        raise errors.HostLacks(
            f"cannot update the limits of {container.name}: it has no cgroup",
            hint="it was made with --cgroups disabled",
        )
    before = limits_from(spec.limits)
    after = changed(before, given)
    layout = find_layout()
    # What is given is written also where the row has it already: what was taken back in part has left the kernel more.
    others = {field: value for field, value in before.given().items() if field not in given.given()}
    former, planned = limits.plan(layout, Limits(**others)), limits.plan(layout, after)
    undo: change.Undo = ()
    if container.state in containers.LIVE:
        undo = _tell_kernel(connection, container, layout, change.differing(former, planned))
    same = False
    try:
        with transaction(connection):
            same = _is_the_same(connection, container)
            if same:
                configs.set_option(connection, container.id, "limits", after.given())
            configs.drop_option(connection, container.id, "update")
    except BaseException:
        change.restore(undo)
        raise
    if not same:
        change.restore(undo)
    return same


def _is_the_same(connection: sqlite3.Connection, container: Container) -> bool:
    """Return whether a container is in the run that it was in, or has ended since."""
    now = containers.get(connection, container.id)
    if now is None:
        raise errors.WrongState(f"cannot update {container.name}: it has been removed")
    began = now.state in containers.LIVE and container.state not in containers.LIVE
    return not began and now.generation == container.generation


def _tell_kernel(
    connection: sqlite3.Connection, container: Container, layout: Layout, changes: Sequence[Write]
) -> change.Undo:
    """Change the limits of a container that runs, and return what takes that back.

    What that is, is written to the database first: whoever finds it there, and nobody at work, does it.

    Raises:
        QuiltError: the kernel refuses one; all are as they were.
    """
    path = cleanup.cgroup_of(connection, container.id)
    undo: change.Undo = ()
    try:
        controllers = change.uncounted(layout, path, changes)
        if controllers:
            _note(connection, container, thaw=not population.is_told_to_stand(path))
            change.adopt(path, controllers)
        undo = change.present(layout, path, changes)
        _note(connection, container, files=undo)
        change.carry_out(layout, path, changes)
    except OSError as error:
        if change.restore(undo) is None:
            with transaction(connection):
                configs.drop_option(connection, container.id, "update")
        raise _refusal(container, error) from error
    return undo


def _note(connection: sqlite3.Connection, container: Container, *, thaw: bool = False, files: change.Undo = ()) -> None:
    """Write how an update is taken back, for the case that it comes to no end."""
    note = {"generation": container.generation, "thaw": thaw, "files": files}
    with transaction(connection):
        configs.set_option(connection, container.id, "update", note)


def _take_back(connection: sqlite3.Connection, container: Container) -> OSError | None:
    """Undo what an update that was killed has done, if there was one. Returns what cannot be undone now."""
    note = decode(configs.config_of(connection, container.id)).get("update")
    if note is None:
        return None
    problem: OSError | None = None
    if container.state in containers.LIVE and container.generation == note["generation"]:
        problem = change.restore(note["files"])
        if note["thaw"] and container.state != "paused":  # or somebody has paused it since
            population.thaw(cleanup.cgroup_of(connection, container.id))
    if problem is None:
        with transaction(connection):
            configs.drop_option(connection, container.id, "update")
    return problem


def _text(problem: OSError) -> str:
    return f"{problem.filename}: {problem.strerror}"


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
