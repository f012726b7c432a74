"""`rm`: the rows first, in one transaction for all, then what they stood for on disk and in the kernel.

A container that runs is ended by ending its shim: the kernel takes everything else with it. All are signalled, then
waited for together; nothing is done one after the other that can be done at once.
"""

from __future__ import annotations

import os
import time

from quiltctl import errors
from quiltctl.db import cleanup, configs, containers, lease_views
from quiltctl.db.connection import transaction
from quiltctl.model.value import Value
from quiltctl.runtime import exit_record, liveness
from quiltctl.runtime.cgroup import population
from quiltctl.runtime.lifecycle import discard, lease
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_SIGKILL = 9
_DYING_S = 10.0
_KILLED_CODE = 137


class Removal(Value):
    """What became of one container: removed, or why not. ``problem`` is something that gc will have to finish."""

    container: Container
    refusal: errors.QuiltError | None = None
    problem: str = ""


def remove(paths: Paths, connection: sqlite3.Connection, chosen: Sequence[Container], *, force: bool) -> list[Removal]:
    """Remove containers, their files, cgroups and rows. Returns what became of each, in order.

    Without ``force``, one that runs is refused (WrongState).
    """
    if force:
        _kill_shims(connection, chosen)
    cidfiles: dict[str, str] = {}
    removals: dict[str, Removal] = {}
    # What was killed just now has its addresses still; that of the others is free already.
    held = {
        each.id: lease_views.endpoints_of_run(connection, each.id, each.generation)
        for each in chosen
        if force and each.state in containers.LIVE and not _alive(each)
    }
    endpoints = [endpoint for each in held.values() for endpoint in each]
    problem = lease.withdraw(paths, connection, endpoints)
    with transaction(connection):
        for container in chosen:
            lease.give_back(connection, container.id, held.get(container.id, ()), problem)
            removals[container.id] = _remove_row(paths, connection, container, cidfiles, force=force)
    lease.tell_others(paths, connection, endpoints)
    problems = discard.discard_all(paths, connection, list(cidfiles)) if cidfiles else []
    for container_id, cidfile in cidfiles.items():
        _remove_cidfile(cidfile, container_id)
    return [
        Removal(removal.container, removal.refusal, next((p for p in problems if removal.container.id[:12] in p), ""))
        for removal in removals.values()
    ]


def _kill_shims(connection: sqlite3.Connection, chosen: Sequence[Container]) -> None:
    shim_fds = []
    for container in chosen:
        if container.state in containers.LIVE:
            shim_fd = liveness.hold(container.shim_pid, container.shim_started, container.boot_id)
            if shim_fd is not None:
                pidfd.send_signal(shim_fd, _SIGKILL)
                if population.frozen_survive():
                    population.thaw(cleanup.cgroup_of(connection, container.id))
                shim_fds.append(shim_fd)
    pidfd.wait_all(shim_fds, _DYING_S)
    for shim_fd in shim_fds:
        os.close(shim_fd)


def _remove_row(
    paths: Paths,
    connection: sqlite3.Connection,
    container: Container,
    cidfiles: dict[str, str],
    *,
    force: bool,
) -> Removal:
    now = containers.get(connection, container.id)
    if now is None:
        return Removal(container)  # somebody else has removed it meanwhile: it is gone, as was asked
    if now.state in containers.LIVE and (not force or _alive(now)):
        return Removal(
            container,
            errors.WrongState(
                f"cannot remove {now.name}: it is {now.state}",
                hint=f"stop it first, or remove it with: rm -f {now.name}",
            ),
        )
    if now.state in containers.LIVE:
        _end_killed(paths, connection, now)
    cidfiles[now.id] = configs.cidfile_of(connection, now.id)
    containers.delete(connection, now.id, now.generation)
    return Removal(container)


def _alive(container: Container) -> bool:
    """Return whether the shim lives: it was started anew since we killed the one we knew."""
    return liveness.alive(container.shim_pid, container.shim_started, container.boot_id)


def _end_killed(paths: Paths, connection: sqlite3.Connection, container: Container) -> None:
    """Write the end of a container that was killed with its shim, unless it had ended by itself just before."""
    record = exit_record.read(paths.container(container.id), container.generation)
    code, reason = (_KILLED_CODE, "killed") if record is None else (record.code, record.reason)
    if container.state == "starting":
        containers.move(
            connection,
            container.id,
            container.generation,
            ("starting",),
            "error",
            error="removed while it started",
            exit_reason="killed",
        )
    else:
        containers.move(
            connection,
            container.id,
            container.generation,
            containers.LIVE,
            "exited",
            exit_code=code,
            exit_reason=reason,
            finished_at=time.time_ns(),
        )


def _remove_cidfile(path: str, container_id: str) -> None:
    """Remove the file that held the id, if that is still what it holds."""
    if not path:
        return
    try:
        with open(path, encoding="ascii") as file:
            if file.read().strip() == container_id:
                os.unlink(path)
    except (OSError, UnicodeDecodeError):
        return  # the user has done something else with it
