"""`exec`: another program in a running container, without a shim.

A helper enters the container's cgroups and namespaces, all at once through a pidfd, and clones the program's process
as a child of this one, with CLONE_PARENT: so its exit code comes here, and nothing stays between. From then on it
walks the same last stretch as a container's first process.
"""

from __future__ import annotations

import errno
import marshal
import os

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime import cgroups, liveness, program, sandbox, user
from quiltctl.runtime.lifecycle.failure import explain_for
from quiltctl.runtime.linux import pidfd, privileges, processes
from quiltctl.runtime.relay import Relay, catch_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_NAMESPACES = (
    processes.CLONE_NEWNS
    | processes.CLONE_NEWPID
    | processes.CLONE_NEWUTS
    | processes.CLONE_NEWIPC
    | processes.CLONE_NEWNET
    | processes.CLONE_NEWCGROUP
)


class Session(Value):
    """What shall run in the container."""

    argv: tuple[str, ...]
    env: tuple[str, ...]
    user: str
    workdir: str
    capabilities: tuple[str, ...]
    interactive: bool
    detach: bool


class _Entry(Value):
    """What the helper needs: the container's first process and cgroup, the standard descriptors, the failure pipe."""

    init_fd: int
    parent: str
    joinable: cgroups.Joinable
    stdio_fds: tuple[int, int, int]
    failure_fd: int
    last_capability: int


def execute(paths: Paths, container: Container, session: Session) -> int:
    """Run the program in the container. Returns its exit code, or 0 at once when it is detached.

    Raises:
        WrongState: the container does not run, or has ended meanwhile.
        CannotExecute, ProgramNotFound, UsageError: the program did not come to run.
    """
    init_fd = liveness.hold(container.pid, container.pid_started, container.boot_id)
    if init_fd is None:
        raise errors.WrongState(f"cannot exec in {container.name}: it is not running")
    try:
        joinable = cgroups.open_existing(paths.cgroup, container.id)
    except FileNotFoundError as error:
        raise errors.WrongState(f"cannot exec in {container.name}: it has just ended") from error
    inner, outer = _standard_streams(session)
    failure_r, failure_w = os.pipe2(os.O_CLOEXEC)
    entry = _Entry(init_fd, paths.cgroup, joinable, inner, failure_w, privileges.read_last_capability())
    pid = _enter_and_clone(session, entry)
    for fd in (*inner, failure_w, init_fd):
        if fd >= 0:
            os.close(fd)
    joinable.close()
    with open(failure_r, "rb") as file:
        told = file.read()
    if told or not pid:
        failure = (
            program.Failure(*marshal.loads(told)) if told else program.Failure("join", "kernel", 0, "", "it ended")
        )
        if failure.step == "join" and failure.errno in {0, errno.ESRCH, errno.EINVAL, errno.ENODEV}:
            raise errors.WrongState(f"cannot exec in {container.name}: it has just ended")
        raise explain_for(container.name, failure)
    return 0 if session.detach else _attend(pid, outer)


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


def _enter_and_clone(session: Session, entry: _Entry) -> int:
    """Fork the helper, and return the pid of the program's process, or 0 when there was none."""
    born_r, born_w = os.pipe2(os.O_CLOEXEC)
    helper = os.fork()
    if helper == 0:
        _be_helper(session, entry, born_w)
    os.close(born_w)
    with open(born_r, "rb") as file:
        told = file.read()
    os.waitpid(helper, 0)
    return int(told or b"0")


def _be_helper(session: Session, entry: _Entry, born_fd: int) -> NoReturn:
    try:
        # Before it joins: from now on nobody inside may look into this process or open what it has open.
        privileges.forbid_dumps()
        sandbox.set_limits()
        # Where the container has no cgroup of its own, it is in that of the shims, and not in its caller's.
        cgroups.enter_shims(entry.parent)
        cgroups.enter(entry.joinable)
        processes.join(entry.init_fd, _NAMESPACES)
        pid = processes.clone(processes.CLONE_PARENT, cgroup_fd=entry.joinable.unified_fd)
    except BaseException as error:  # noqa: BLE001 (nothing may leave this process but through its pipe)
        program.tell_and_leave(entry.failure_fd, "join", error)
    if pid == 0:
        _become_program(session, entry)
    os.write(born_fd, str(pid).encode())
    os._exit(0)


def _become_program(session: Session, entry: _Entry) -> NoReturn:
    """Walk from the clone to the exec, in the container's namespaces and root."""
    step = "session"
    try:
        os.setsid()
        processes.drop_session_keyring()
        step = "user"
        root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        identity = user.look_up(root_fd, session.user)
        step = "stdio"
        _take_stdio(entry.stdio_fds, identity)
        step = "workdir"
        os.umask(0o022)
        program.go_to(session.workdir, make=False)
        step = "identity"
        program.reset_signals()
        program.confine(identity, session.capabilities, entry.last_capability)
        program.close_at_exec()
        step = "exec"
        program.execute(session.argv, program.environment(session.env, identity))
    except user.UnknownUser as error:
        program.tell_and_leave(
            entry.failure_fd, step, program.CannotRun("user", errno.ENOENT, session.user, str(error))
        )
    except BaseException as error:  # noqa: BLE001 (as above)
        program.tell_and_leave(entry.failure_fd, step, error)


def _take_stdio(stdio_fds: tuple[int, int, int], identity: user.Identity) -> None:
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in stdio_fds:
        if fd >= 0:
            os.fchown(fd, identity.uid, identity.gid)
    program.take_stdio(*(null_fd if fd < 0 else fd for fd in stdio_fds))
