"""`exec`: another program in a running container, without a shim.

A helper is born in the container's cgroup, enters its namespaces, all at once through a pidfd, and clones the
program's process as a child of this one, with CLONE_PARENT: so its exit code comes here, and nothing stays between
(runtime/enter.py). From then on it walks the same last stretch as a container's first process.
"""

from __future__ import annotations

import errno
import marshal
import os

from quiltctl import errors
from quiltctl.model.id_map import root_ids
from quiltctl.model.value import Value
from quiltctl.runtime import enter, interpreter, liveness, program, rlimits
from quiltctl.runtime.cgroup import group, place
from quiltctl.runtime.lifecycle.failure import explain_for
from quiltctl.runtime.linux import pidfd, processes
from quiltctl.runtime.relay import Relay, catch_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.db.containers import Container
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


class Session(Value):
    """What shall run in the container."""

    argv: tuple[str, ...]
    env: tuple[str, ...]
    user: str
    workdir: str
    privileged: bool
    interactive: bool
    detach: bool


def execute(paths: Paths, container: Container, spec: Spec, session: Session) -> int:
    """Run the program in the container. Returns its exit code, or 0 at once when it is detached.

    Raises:
        WrongState: the container does not run, or has ended meanwhile.
        CannotExecute, ProgramNotFound, UsageError: the program did not come to run.
    """
    init_fd = liveness.hold(container.pid, container.pid_started, container.boot_id)
    if init_fd is None:
        raise errors.WrongState(f"cannot exec in {container.name}: it is not running")
    joinable = _joinable(paths, container, spec)
    inner, outer = _standard_streams(session)
    for fd in inner:
        if fd >= 0:
            os.fchown(fd, *root_ids(spec))
    failure_r, failure_w = os.pipe2(os.O_CLOEXEC)
    born_r, born_w = os.pipe2(os.O_CLOEXEC)
    entry = enter.Entry(init_fd, joinable.tasks_fds, inner, failure_w, born_w)
    order = enter.order(paths, spec, session.to_dict(), rlimits.prepare(spec.ulimits))
    helper = processes.clone(0, cgroup_fd=joinable.unified_fd)
    if helper == 0:
        enter.be_helper(order, entry, interpreter.path(), interpreter.search_path())
    for fd in (*inner, failure_w, born_w, init_fd):
        if fd >= 0:
            os.close(fd)
    joinable.close()
    pid = int(_read_all(born_r) or b"0")
    os.waitpid(helper, 0)
    told = _read_all(failure_r)
    if told or not pid:
        failure = (
            program.Failure(*marshal.loads(told)) if told else program.Failure("join", "kernel", 0, "", "it ended")
        )
        if failure.step == "join" and failure.errno in {0, errno.ESRCH, errno.EINVAL, errno.ENODEV}:
            raise errors.WrongState(f"cannot exec in {container.name}: it has just ended")
        raise explain_for(container.name, failure, f"cannot exec in {container.name}")
    return 0 if session.detach else _attend(pid, outer)


def _joinable(paths: Paths, container: Container, spec: Spec) -> group.Joinable:
    if spec.cgroups == "disabled":
        return group.NOWHERE
    try:
        return group.open_existing(place.of_container(paths, container.id, spec.cgroup_parent))
    except FileNotFoundError as error:
        raise errors.WrongState(f"cannot exec in {container.name}: it has just ended") from error


def _read_all(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def _standard_streams(session: Session) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the descriptors for the program, -1 for /dev/null, and our ends of the pipes, -1 for none.

    Always pipes, never our own descriptors: a terminal or a file of the host is not handed into a container.
    """
    if session.detach:
        return (-1, -1, -1), (-1, -1, -1)
    in_r, in_w = os.pipe2(os.O_CLOEXEC) if session.interactive else (-1, -1)
    out_r, out_w = os.pipe2(os.O_CLOEXEC)
    err_r, err_w = os.pipe2(os.O_CLOEXEC)
    return (in_r, out_w, err_w), (in_w, out_r, err_r)


def _attend(pid: int, outer: tuple[int, int, int]) -> int:
    process_fd = pidfd.pidfd_open(pid)
    relay = Relay(*outer, to_the_end=False)
    relay.carry(process_fd, lambda: None, lambda number: _forward(process_fd, number), signals_fd=catch_signals())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _forward(process_fd: int, number: int) -> None:
    pidfd.send_signal(process_fd, number)
