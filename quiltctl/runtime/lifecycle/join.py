"""Sharing the namespaces of another container: which one, and its first process."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.runtime.lifecycle import observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


def find(paths: Paths, connection: sqlite3.Connection, spec: Spec) -> tuple[int, int] | None:
    """Return pid and start time of the container whose namespaces this one joins, or None when it joins none.

    Raises:
        WrongState: that container does not run, or is gone.
    """
    modes = (spec.userns, spec.network, spec.pid, spec.ipc, spec.uts, spec.cgroupns)
    owner_id = next((mode.partition(":")[2] for mode in modes if mode.startswith("container:")), None)
    if owner_id is None:
        return None
    owner = containers.get(connection, owner_id)
    owner = owner and observe.observe(connection, paths, owner)
    if owner is None or owner.state not in {"running", "paused"} or owner.pid is None or owner.pid_started is None:
        name = owner.name if owner is not None else owner_id[:12]
        raise errors.WrongState(
            f"cannot start {spec.name}: container {name}, whose namespaces it joins, does not run",
            hint=f"start it with: quiltctl start {name}" if owner is not None else "make it anew",
        )
    return owner.pid, owner.pid_started
