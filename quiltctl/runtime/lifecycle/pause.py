"""`pause` and `unpause`: the processes of a container stand still, all at once, and go on.

The kernel comes first and the row follows, under the container's lock: of two at once, the one that is last in the
kernel would not be the last in the row. Whoever is killed in between leaves a row that says otherwise than the kernel;
gc asks the kernel and corrects it.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import cleanup, configs, containers
from quiltctl.db.connection import transaction
from quiltctl.runtime import liveness
from quiltctl.runtime.cgroup import population
from quiltctl.runtime.lifecycle import lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths


def pause(paths: Paths, connection: sqlite3.Connection, container: Container) -> None:
    """Stop every process of a running container, those of exec as well.

    Raises:
        WrongState: it does not run, or is paused already.
        HostLacks: it has no cgroup, or the host cannot freeze one.
        KernelError: a process does not stand still.
    """
    with lock.held(paths, container.id):
        _pause(connection, containers.get(connection, container.id) or container)


def _pause(connection: sqlite3.Connection, container: Container) -> None:
    if container.state != "running":
        raise errors.WrongState(f"cannot pause {container.name}: it is {_state(container)}")
    path = _cgroup(connection, container)
    try:
        frozen = population.freeze(path)
    except FileNotFoundError as error:
        raise _gone(container, path) from error
    if not frozen:
        population.thaw(path)
        raise errors.KernelError(
            f"cannot pause {container.name}: the kernel could not stop all of its processes",
            hint="one of them may wait for a disk or a file server",
        )
    if not _move(connection, container, "paused"):
        population.thaw(path)
        raise errors.WrongState(f"cannot pause {container.name}: it has just ended")


def unpause(paths: Paths, connection: sqlite3.Connection, container: Container) -> None:
    """Let the processes of a paused container go on.

    Raises:
        WrongState: it is not paused.
    """
    with lock.held(paths, container.id):
        _unpause(connection, containers.get(connection, container.id) or container)


def _unpause(connection: sqlite3.Connection, container: Container) -> None:
    if container.state != "paused":
        raise errors.WrongState(f"cannot unpause {container.name}: it is {_state(container)}, not paused")
    population.thaw(_cgroup(connection, container))
    if not _move(connection, container, "running"):
        raise errors.WrongState(f"cannot unpause {container.name}: it has just ended")


def _move(connection: sqlite3.Connection, container: Container, after: str) -> bool:
    """Write the state that the kernel has given a container, unless it has ended."""
    with transaction(connection):
        return containers.move(connection, container.id, container.generation, (container.state,), after)


def _cgroup(connection: sqlite3.Connection, container: Container) -> str:
    path = cleanup.cgroup_of(connection, container.id)
    if not path:
        raise errors.HostLacks(
            f"cannot pause {container.name}: it has no cgroup", hint="it was made with --cgroups disabled"
        )
    return path


def _gone(container: Container, path: str) -> errors.QuiltError:
    if population.members(path):
        return errors.HostLacks(
            f"cannot pause {container.name}: this host has no freezer",
            hint="mount the cgroup v2 tree, or the v1 freezer",
        )
    return errors.WrongState(f"cannot pause {container.name}: it has just ended")


def _state(container: Container) -> str:
    return "paused already" if container.state == "paused" else container.state


def follow(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[tuple[Container, str]]:
    """Write the states of containers that run by their rows and stand still by the kernel, or the other way.

    Gives those containers with their true states. Whoever paused them, or let them go on, was killed before the row was
    written; where somebody is just about to do so, it is left to them.
    """
    for listed in containers.list_all(connection, ("running", "paused")):
        if _truth(connection, listed) == listed.state:
            continue
        with lock.held(paths, listed.id, wait=False) as alone:
            container = containers.get(connection, listed.id) if alone else None
            if container is None or container.state not in {"running", "paused"}:
                continue
            true = _truth(connection, container)
            # An update that was killed had frozen it, and is taken back first.
            if true == container.state or container.id in configs.updating(connection):
                continue
            if dry_run or _move(connection, container, true):
                yield container, true


def _truth(connection: sqlite3.Connection, container: Container) -> str:
    """Return whether the kernel has a container paused or running."""
    stands = population.is_told_to_stand(cleanup.cgroup_of(connection, container.id))
    return "paused" if stands else "running"


def let_die(connection: sqlite3.Connection) -> None:
    """Thaw the containers whose shim was killed while they were frozen, where that holds them.

    The v1 freezer keeps what was killed, and so the shim, which waits for all that lives in its PID namespace.
    """
    if not population.frozen_survive():
        return
    for container in containers.list_all(connection, ("running", "paused")):
        if liveness.is_ending(container.shim_pid, container.shim_started, container.boot_id):
            population.thaw(cleanup.cgroup_of(connection, container.id))
