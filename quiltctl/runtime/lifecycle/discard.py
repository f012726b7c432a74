"""Removing what does not die by itself: a container's cgroup and its folder. The rows that promise it stand first."""

from __future__ import annotations

import errno
import os
import time

from quiltctl.db import cleanup
from quiltctl.db.connection import transaction
from quiltctl.runtime.cgroup import place, population, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths

_PATIENCE_S = 5.0
"""On a busy machine the kernel may take seconds to let go of the last process of a cgroup."""
_STEP_S = 0.002


def plan(paths: Paths, connection: sqlite3.Connection, spec: Spec) -> None:
    """Note, in the transaction that makes the container, what will have to be removed one day."""
    cleanup.plan(connection, spec.id, "rootfs", paths.container(spec.id))
    if spec.cgroups == "enabled":
        cleanup.plan(connection, spec.id, "cgroup", place.of_container(paths, spec.id, spec.cgroup_parent))


def remove_cgroup(connection: sqlite3.Connection, container_id: str) -> OSError | None:
    """Remove the cgroup of a container that has ended; what still lives in it is killed. Returns what went wrong."""
    problems = [empty_and_remove(path) for path in cleanup.resources_of(connection, container_id, "cgroup")]
    return next((problem for problem in problems if problem is not None), None)


def empty_and_remove(path: str) -> OSError | None:
    """Remove a cgroup; what still lives in it is killed. Returns what went wrong.

    The kernel is given the moment it needs to let go of processes that were killed just now.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            tree.remove(path)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return error
            population.kill(path)
            time.sleep(_STEP_S)
        else:
            return None


def discard_all(paths: Paths, connection: sqlite3.Connection, container_ids: Sequence[str]) -> list[str]:
    """Remove cgroups and folders of containers whose rows are gone, and the tasks that asked for it.

    Returns a sentence for each that could not be removed; its task stays, for gc to try again.
    """
    problems: dict[str, str] = {}
    for container_id in container_ids:
        try:
            problem = remove_cgroup(connection, container_id)
            if problem is not None:
                raise problem
            remove_folder(paths.container(container_id))
        except OSError as error:
            problems[container_id] = f"{error.filename}: {error.strerror}"
    with transaction(connection):
        for container_id in container_ids:
            if container_id in problems:
                for task in cleanup.tasks_of(connection, container_id):
                    cleanup.fail(connection, task.id, problems[container_id])
            else:
                cleanup.forget(connection, container_id)
    return [f"cannot remove what is left of {key[:12]}: {text}" for key, text in problems.items()]


def remove_folder(path: str) -> None:
    """Remove a container's folder, also while somebody else does the same, as gc may."""
    from quiltctl.runtime.tree import remove_tree  # ctypes: 3 ms that a start need not pay

    while os.path.lexists(path):
        try:
            remove_tree(path)
        except FileNotFoundError:
            continue
