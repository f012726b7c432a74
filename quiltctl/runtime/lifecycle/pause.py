"""`pause` and `unpause`: the processes of a container stand still, all at once, and go on.

The kernel comes first and the row follows. Whoever is killed in between leaves a row that says otherwise than the
kernel; gc asks the kernel and corrects it.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import cleanup, containers
from quiltctl.db.connection import transaction
from quiltctl.runtime import liveness
from quiltctl.runtime.cgroup import population

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from quiltctl.db.containers import Container


def pause(connection: sqlite3.Connection, container: Container) -> None:
    """Stop every process of a running container, those of exec as well.

    Raises:
        WrongState: it does not run, or is paused already.
        HostLacks: it has no cgroup, or the host cannot freeze one.
        KernelError: a process does not stand still.
    """
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
    if not _move(connection, container, "running", "paused"):
        population.thaw(path)
        raise errors.WrongState(f"cannot pause {container.name}: it has just ended")


def unpause(connection: sqlite3.Connection, container: Container) -> None:
    """Let the processes of a paused container go on.

    Raises:
        WrongState: it is not paused.
    """
    if container.state != "paused":
        raise errors.WrongState(f"cannot unpause {container.name}: it is {_state(container)}, not paused")
    population.thaw(_cgroup(connection, container))
    if not _move(connection, container, "paused", "running"):
        raise errors.WrongState(f"cannot unpause {container.name}: it has just ended")


def _move(connection: sqlite3.Connection, container: Container, before: str, after: str) -> bool:
    """Write the state that the kernel has given a container. Somebody else may have written it already."""
    with transaction(connection):
        if containers.move(connection, container.id, container.generation, (before,), after):
            return True
        now = containers.get(connection, container.id)
        return now is not None and (now.generation, now.state) == (container.generation, after)


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


def differing(connection: sqlite3.Connection) -> Iterator[tuple[Container, str]]:
    """Give the containers that run by their row and stand still by the kernel, or the other way, with their true state.

    Whoever paused them, or let them go on, was killed before the row was written.
    """
    for container in containers.list_all(connection, ("running", "paused")):
        true = "paused" if population.is_told_to_stand(cleanup.cgroup_of(connection, container.id)) else "running"
        if true != container.state:
            yield container, true


def follow(connection: sqlite3.Connection, container: Container, true: str) -> None:
    """Write the state that the kernel has a container in."""
    _move(connection, container, container.state, true)


def let_die(connection: sqlite3.Connection) -> None:
    """Thaw the containers whose shim was killed while they were frozen, where that holds them.

    The v1 freezer keeps what was killed, and so the shim, which waits for all that lives in its PID namespace.
    """
    for container in containers.list_all(connection, ("running", "paused")):
        if liveness.is_ending(container.shim_pid, container.shim_started, container.boot_id):
            population.thaw_to_kill(cleanup.cgroup_of(connection, container.id))
