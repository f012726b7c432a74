"""What is true of a container now, without writing anything: the row is believed only as far as the kernel agrees."""

from __future__ import annotations

from quiltctl.db import containers
from quiltctl.runtime import exit_record, liveness

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

SUPERVISOR_LOST = "supervisor-lost"
HOST_REBOOT = "host-reboot"
START_FAILED = "start-failed"


def observe(connection: sqlite3.Connection, paths: Paths, container: Container) -> Container | None:
    """Return the container as it is, or None when it was removed since its row was read.

    The shim alone is asked for, since a container hardly ever outlives it. Where that is dead and the row says
    otherwise, the row is read once more, since the shim may have written it and ended in between. A program that goes
    on all the same, in a PID namespace that is not below the shim's, still runs, until somebody who may write ends it.
    Otherwise the exit record tells, and where there is none, nobody knows the code.
    """
    if container.state not in containers.LIVE or has_shim(container):
        return container
    again = containers.get(connection, container.id)
    if again is None or again.state not in containers.LIVE or has_shim(again):
        return again
    if liveness.alive(again.pid, again.pid_started, again.boot_id):
        return again
    return ended(paths, again)


def ended(paths: Paths, container: Container) -> Container:
    """Return what a live row whose shim is dead has become: exited with its record, or lost."""
    record = exit_record.read(paths.container(container.id), container.generation)
    if record is not None:
        return _changed(
            container,
            state="exited",
            exit_code=record.code,
            exit_reason=record.reason,
            oom_killed=int(record.oom_killed),
            finished_at=record.finished_at,
        )
    reason = SUPERVISOR_LOST if container.boot_id == liveness.boot_id() else HOST_REBOOT
    if container.state == "starting":
        return _changed(container, state="error", exit_reason=START_FAILED, error=f"the start was cut short: {reason}")
    return _changed(container, state="exited", exit_reason=reason)


def has_shim(container: Container) -> bool:
    """Return whether the shim that owns the container lives."""
    return liveness.alive(container.shim_pid, container.shim_started, container.boot_id)


def _changed(container: Container, **facts: object) -> Container:
    return containers.Container(**{**container.to_dict(), **facts})
