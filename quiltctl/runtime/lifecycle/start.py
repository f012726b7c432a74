"""Starting a container under a shim that has been spawned already and waits for its order."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import configs, containers
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode
from quiltctl.model.spec import Spec, spec_from
from quiltctl.model.value import Value
from quiltctl.runtime import interpreter, liveness
from quiltctl.runtime.cgroup import place
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.lifecycle import create, discard, join, reap
from quiltctl.runtime.lifecycle.failure import refusal_of
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.membership import Wanted
    from quiltctl.model.subnet import Subnet
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.spawn import Shim


_SIGKILL = 9
_PATIENCE_MS = 3000
"""How long a start goes on after a signal. It takes 20 ms, unless a joined container stops its first process."""
_DYING_S = 5.0
"""How long a shim that has closed its pipes may take to be gone."""


class Begun(Value):
    """A start whose order is given: build is at work. What the caller needs afterwards it may import meanwhile."""

    paths: Paths
    connection: sqlite3.Connection
    spec: Spec
    generation: int
    shim: Shim
    streams: Sequence[str] | None
    """Which of stdin, stdout and stderr the caller will carry; None is the background."""
    joined: tuple[int, int] | None
    """Pid and start time of the container whose namespaces are joined."""
    endpoints: tuple[Endpoint, ...]
    held: int
    """How many sockets the watch holds for its ports."""
    bound: int
    """One where it holds, after those, a process with which the container shall end."""

    def wait(self, signals_fd: int = -1) -> Run:
        """Return once the program runs.

        A signal that comes out of ``signals_fd`` meanwhile is the program's, and stays there for it; but a start that
        does not come to an end soon after is ended by it.

        Raises:
            QuiltError: it did not come to run; the row says so, or is gone with --rm.
        """
        if signals_fd >= 0 and self._is_stuck(signals_fd):
            shim_fd = self._hold_shim()
            if shim_fd is not None:
                pidfd.send_signal(shim_fd, _SIGKILL)
            self.give_up()
            raise errors.KernelError(f"cannot start {self.spec.name}: it was interrupted before its program ran")
        answer = self.shim.hear_answer()
        if answer and answer[0] == "running":
            return Run(self.spec.id, self.generation, int(answer[1]), int(answer[2]), *answer[3:])
        if answer:
            raise refusal_of(answer)
        raise self.give_up()

    def give_up(self) -> errors.KernelError:
        """Write that the shim has died, with --rm remove what it had made, and return the error that says so."""
        pidfd.wait_all([fd for fd in [self._hold_shim()] if fd is not None], _DYING_S)
        container = containers.get(self.connection, self.spec.id)
        if container is not None:
            reap.reap(self.paths, self.connection, container)
        return errors.KernelError(f"cannot start {self.spec.name}: its shim died before the program ran")

    def _is_stuck(self, signals_fd: int) -> bool:
        """Return whether somebody has lost patience before the shim has answered."""
        from select import POLLIN, poll

        waiting = poll()
        waiting.register(self.shim.answer_fd, POLLIN)
        waiting.register(signals_fd, POLLIN)
        if self.shim.answer_fd in dict(waiting.poll()):
            return False
        waiting.unregister(signals_fd)
        return not waiting.poll(_PATIENCE_MS)

    def _hold_shim(self) -> int | None:
        container = containers.get(self.connection, self.spec.id)
        if container is None:
            return None
        return liveness.hold(container.shim_pid, container.shim_started, container.boot_id)


class Run(Value):
    """One run of a container that has begun: its first process, by pid and start time."""

    container_id: str
    generation: int
    pid: int
    pid_started: int
    fallback: str
    """Why it runs without a user namespace although it should have had one; empty if it has what it should."""
    warning: str
    """What else the user should know of it, or empty."""


class Networking(Value):
    """What a start is to have in its networks, beyond what the database knows."""

    wanted: tuple[Wanted, ...] = ()
    """The networks of a container that is being made."""
    ports: tuple[dict[str, Any], ...] = ()
    """The ports of the host that are held for it, each with its number."""
    held: int = 0
    """How many sockets hold them; the watch has those."""
    bound: int = 0
    """One where the watch holds, after those, a process with which the container shall end."""


def start(
    paths: Paths,
    connection: sqlite3.Connection,
    spec: Spec,
    shim: Shim,
    streams: Sequence[str] | None,
    networking: Networking,
    *,
    new: bool = False,
) -> Begun:
    """Start a container that exists and does not run, its files as its last run left them, or make a ``new`` one.

    All that has to be written is one transaction. What is needed may be in the hands of the dead, whose ends nobody has
    written yet: then it is tried once more. ``streams`` are those of ``Begun``.

    Raises:
        Conflict: the name, an address or a port is taken, or no range of ids is free.
        NotFound: a network.
        WrongState: somebody else has started it meanwhile, or one to be joined does not run.
    """
    routes: Sequence[tuple[Subnet, str]] = ()
    if networking.wanted:
        from quiltctl.runtime.lifecycle import enrol  # 2 ms with the rows of networks, while build gets ready

        routes = enrol.find_routes(connection, networking.wanted)
    identity = shim.identify()

    def write() -> Begun:
        with transaction(connection):
            if new:
                made = create.insert(paths, connection, spec, networking.wanted, routes)
            else:
                made = _as_updated(connection, spec)
            begun = _begin(paths, connection, made, shim, streams, networking, identity)
            if not new:
                discard.plan(paths, connection, spec)
        return begun

    try:
        begun = write()
    except errors.Conflict:
        from quiltctl.runtime.lifecycle import lease

        if not lease.reap_dead(paths, connection):
            raise
        begun = write()
    try:
        shim.give_order(_order(begun))
    except BrokenPipeError as error:
        raise begun.give_up() from error
    return begun


def _as_updated(connection: sqlite3.Connection, spec: Spec) -> Spec:
    """Return the spec with what `update` may have changed since it was read."""
    now = spec_from(decode(configs.config_of(connection, spec.id)))
    return Spec(**{**spec.to_dict(), "limits": now.limits, "egress": now.egress})


def _begin(
    paths: Paths,
    connection: sqlite3.Connection,
    spec: Spec,
    shim: Shim,
    streams: Sequence[str] | None,
    networking: Networking,
    identity: tuple[int, int],
) -> Begun:
    """Write that the container starts under the shim of this pid and start time, and what it leases."""
    joined = join.find(paths, connection, spec)
    pid, started = identity
    generation = containers.begin_start(
        connection, spec.id, shim_pid=pid, shim_started=started, boot_id=liveness.boot_id()
    )
    if generation is None:
        raise errors.WrongState(f"cannot start {spec.id[:12]}: it is running already")
    endpoints: tuple[Endpoint, ...] = ()
    if spec.network == "bridge":
        from quiltctl.runtime.lifecycle import lease

        endpoints, servers = lease.take(paths, connection, spec, networking.ports)
        if servers and not spec.dns:
            spec = Spec(**{**spec.to_dict(), "dns": servers})
    return Begun(
        paths, connection, spec, generation, shim, streams, joined, endpoints, networking.held, networking.bound
    )


def _cgroup_files(paths: Paths, spec: Spec) -> dict[str, str]:
    """Return the files of the container's cgroup that the watch uses, each "" where there is none.

    ``memory_events`` counts the processes that were killed for memory. What is paused hears no signal before
    ``freezer`` is told to let it go, and by the v1 freezer it does not even die.
    """
    if spec.cgroups == "disabled":
        return {"memory_events": "", "freezer": ""}
    layout = find_layout()
    path = place.of_container(paths, spec.id, spec.cgroup_parent)
    name = "memory.oom_control" if layout.version("memory") == 1 else "memory.events"
    memory, freezer = layout.directory("memory", path), layout.directory("freezer", path)
    thawing = f"{layout.unified}/{path}/cgroup.freeze" if layout.unified else freezer and f"{freezer}/freezer.state"
    return {"memory_events": memory and f"{memory}/{name}", "freezer": thawing}


def _order(begun: Begun) -> dict[str, Any]:
    """Return what the shim is told. The watch reads the words of its own; the spec is for build."""
    paths, spec = begun.paths, begun.spec
    folder = paths.container(spec.id)
    return {
        "root": paths.root,
        "id": spec.id,
        "generation": begun.generation,
        "attached": begun.streams is not None,
        "interactive": spec.interactive,
        "fed": spec.interactive and "stdin" in (begun.streams or ()),
        "timeout_s": spec.timeout_s,
        "stop_signal": spec.stop_signal,
        "stop_timeout_s": spec.stop_timeout_s,
        "log_driver": spec.log_driver,
        "log_bytes": spec.log_bytes,
        "log_files": spec.log_files,
        "log_dir": f"{folder}/log",
        "control": f"{folder}/control",
        **_cgroup_files(paths, spec),
        "joined": begun.joined,
        "endpoints": tuple(endpoint.to_dict() for endpoint in begun.endpoints),
        "held": begun.held,
        "bound": begun.bound,
        "exit_record": f"{folder}/exit",
        "python": interpreter.path(),
        "search_path": interpreter.search_path(),
        "spec": spec.to_dict(),
    }
