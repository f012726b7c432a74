"""The transitions a shim has written: running, failed to start, ended. Each is one transaction.

Whoever is first wins, by compare-and-set; the others find that there is nothing left to do.
"""

from __future__ import annotations

import time

from quiltctl.db import cleanup, configs, containers, id_ranges
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.runtime import exit_record
from quiltctl.runtime.lifecycle import discard, observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl import errors
    from quiltctl.db.containers import Container
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


def note_running(
    paths: Paths, spec: Spec, generation: int, endpoints: Sequence[Endpoint], *, pid: int, started: int
) -> bool:
    """Write that the program runs, with what it was given in its networks.

    Returns False when the container has been removed or given up meanwhile.
    """
    connection = open_to_write(paths)
    with transaction(connection):
        if spec.fallback:
            id_ranges.give_back(connection, spec.id)
            configs.note_fallback(connection, spec.id, spec.fallback)
        running = containers.move(
            connection,
            spec.id,
            generation,
            ("starting",),
            "running",
            pid=pid,
            pid_started=started,
            started_at=time.time_ns(),
        )
        if running and endpoints:
            from quiltctl.db import leases

            leases.activate(connection, spec.id)
    if running and endpoints:
        from quiltctl.runtime.lifecycle import lease

        lease.catch_up(paths, connection, endpoints)
    return running


def has_run(paths: Paths, container_id: str) -> bool:
    """Return whether a program has ever run in the container, and so may have left files in it."""
    return containers.has_run(open_to_write(paths), container_id)


def note_failure(paths: Paths, spec: Spec, generation: int, refusal: errors.QuiltError) -> None:
    """Write that the program did not come to run, and undo what was made for it; with --rm nothing stays."""
    from quiltctl.db import lease_views
    from quiltctl.runtime.lifecycle import lease

    connection = open_to_write(paths)
    now = containers.get(connection, spec.id)
    if now is not None and now.generation != generation:
        return  # it was given up long ago, and its cgroup is that of a run that has begun meanwhile
    discard.remove_cgroup(connection, spec.id)
    endpoints = lease_views.endpoints_of_run(connection, spec.id, generation)
    problem = lease.withdraw(paths, connection, endpoints)
    with transaction(connection):
        failed = containers.move(
            connection,
            spec.id,
            generation,
            ("starting",),
            "error",
            exit_code=refusal.exit_code,
            exit_reason=observe.START_FAILED,
            error=str(refusal),
            finished_at=time.time_ns(),
        )
        if failed:
            containers.end_monitor(connection, spec.id, generation, "failed", observe.START_FAILED)
            cleanup.complete(connection, spec.id, "cgroup")
            lease.give_back(connection, spec.id, endpoints, problem)
            if spec.auto_remove:
                containers.delete(connection, spec.id, generation)
    if not failed:
        lease.put_back(paths, connection, endpoints)
        return
    lease.tell_others(paths, connection, endpoints)
    if spec.auto_remove:
        discard.discard_all(paths, connection, [spec.id])


def settle(paths: Paths, connection: sqlite3.Connection, container_id: str) -> Container | None:
    """Write the end that the container's exit record tells of, if nobody has yet, and return it, if there is one."""
    container = containers.get(connection, container_id)
    if container is None or container.state not in containers.LIVE:
        return container
    if exit_record.read(paths.container(container_id), container.generation) is None:
        return None
    over = observe.ended(paths, container)
    write_end(paths, connection, over, monitor="completed")
    return over


def write_end(paths: Paths, connection: sqlite3.Connection, container: Container, *, monitor: str) -> bool:
    """Write that a live container is what ``container`` says it has become; with --rm remove it.

    ``monitor`` is how its shim ended: completed, failed or aborted. Returns False when somebody was first.
    """
    from quiltctl.db import lease_views
    from quiltctl.runtime.lifecycle import lease  # 2 ms, of which a start has no need

    now = containers.get(connection, container.id)
    if now is None or now.generation != container.generation or now.state not in containers.LIVE:
        return False  # before anything is taken away from a run that has begun meanwhile
    record = exit_record.read(paths.container(container.id), container.generation)
    endpoints = lease_views.endpoints_of_run(connection, container.id, container.generation)
    problem = discard.remove_cgroup(connection, container.id)
    unwithdrawn = lease.withdraw(paths, connection, endpoints)
    with transaction(connection):
        if record is not None and record.oom_kills:
            containers.note_oom_kills(connection, container.id, container.generation, record.oom_kills)
        ended = containers.move(
            connection,
            container.id,
            container.generation,
            containers.LIVE if container.state == "exited" else ("starting",),
            container.state,
            exit_code=container.exit_code,
            exit_reason=container.exit_reason,
            oom_killed=container.oom_killed,
            error=container.error,
            finished_at=container.finished_at or time.time_ns(),
        )
        if ended:
            containers.end_monitor(connection, container.id, container.generation, monitor, container.exit_reason or "")
            if problem is None:
                cleanup.complete(connection, container.id, "cgroup")
            lease.give_back(connection, container.id, endpoints, unwithdrawn)
            if container.auto_remove:
                containers.delete(connection, container.id, container.generation)
    if not ended:
        lease.put_back(paths, connection, endpoints)
        return False
    lease.tell_others(paths, connection, endpoints)
    if container.auto_remove:
        discard.discard_all(paths, connection, [container.id])
    return True
