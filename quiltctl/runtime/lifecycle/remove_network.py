"""Removing a network: its row goes first, and in the same transaction comes the task that promises its bridge's end.

So nobody can be in a network whose bridge is being removed: a start that was faster holds the row (a foreign key), one
that is slower finds no network. Nobody can take the bridge's name either, until the task is done. Killed in between,
the task waits for gc.
"""

from __future__ import annotations

import fcntl
import os

from quiltctl import errors
from quiltctl.db import cleanup, containers, leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.runtime.lifecycle import apply_network
from quiltctl.runtime.lifecycle.create_network import BRIDGE
from quiltctl.runtime.network import firewall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

_IN_USE = 2


def remove_network(paths: Paths, connection: sqlite3.Connection, network: Network) -> str:
    """Remove a network: its row, its rules, its bridge. Returns why something is left for gc to remove, or nothing.

    Raises:
        WrongState: a container is in it, whether it runs or not (exit code 2).
    """
    with transaction(connection):
        _check_unused(connection, network)
        if networks.delete(connection, network.id):
            cleanup.plan(connection, network.id, "network", f"{BRIDGE}{network.bridge}")
    return finish(paths, connection, network.id)


def finish(paths: Paths, connection: sqlite3.Connection, network_id: str) -> str:
    """Remove what is left of a network whose row is gone, and its tasks. Returns why it cannot be, or nothing.

    Under a lock: once the task is done the bridge's name is free for another network, whose bridge nobody who is late
    may take away.
    """
    lock_fd = os.open(f"{paths.root}/.networks.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        tasks = [task for task in cleanup.tasks_of(connection, network_id) if task.resource.startswith(BRIDGE)]
        problems = [_finish(paths, connection, task) for task in tasks]
    finally:
        os.close(lock_fd)
    return next((problem for problem in problems if problem), "")


def _finish(paths: Paths, connection: sqlite3.Connection, task: cleanup.Task) -> str:
    bridge = task.resource.removeprefix(BRIDGE)
    try:
        firewall.remove_networks(paths, [bridge])
        apply_network.remove_tables(paths, connection)
        apply_network.remove_bridge(bridge)
    except (errors.QuiltError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        problem = f"cannot remove the {task.resource}: {why}"
        with transaction(connection):
            cleanup.fail(connection, task.id, problem)
        return problem
    with transaction(connection):
        cleanup.forget(connection, task.container_id)
    return ""


def _check_unused(connection: sqlite3.Connection, network: Network) -> None:
    """Refuse when somebody is in the network, or still has an address of it.

    Raises:
        WrongState: the hint says who (exit code 2).
    """
    members = {member.container_id for member in memberships.of_network(connection, network.id)}
    holders = {lease.container_id for lease in leases.of_network(connection, network.id)}
    found = (containers.get(connection, container_id) for container_id in members | holders)
    names = sorted(container.name for container in found if container is not None)
    if not members | holders:
        return
    hint = f"remove first: quiltctl network rm -f {network.name}, or quiltctl rm -f {' '.join(names)}"
    error = errors.WrongState(
        f'cannot remove network "{network.name}": {_said(names)} in it',
        hint=hint if names else "what a crash has left goes away with: quiltctl gc",
    )
    error.exit_code = _IN_USE
    raise error


def _said(names: list[str]) -> str:
    if not names:
        return "a container that was removed still has an address"
    return f"container {names[0]} is" if len(names) == 1 else f"containers {', '.join(names)} are"
