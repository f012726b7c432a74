"""The first process of a container, from its clone to its exec.

It is born in new mount, PID, UTS, IPC and network namespaces, as a sibling of the process that made it, and walks
through ``contain``: limits and cgroups while it still may, then its root, then its identity, then the program. The
order is forced: a later step takes away what an earlier one needs. Nothing is imported on the way, since the
interpreter's files are gone once the root has changed, and every failure is told over a pipe.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import resource
import struct

from quiltctl.model.value import Value
from quiltctl.runtime import cgroups, init, program, user
from quiltctl.runtime.linux import mounts, privileges, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from quiltctl.model.spec import Spec
    from quiltctl.runtime.rootfs import Step

NAMESPACES = processes.CLONE_NEWNS | processes.CLONE_NEWPID | processes.CLONE_NEWUTS | processes.CLONE_NEWIPC
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_IFREQ = "16sh22x"
NOFILE_LIMIT = 1048576


class Cell(Value):
    """What was made ready outside: everything the first process needs and cannot get by itself."""

    spec: Spec
    overlay_fd: int
    root_dir: str
    """An empty directory on which the overlay is put, in the container's mount namespace alone."""
    steps: tuple[Step, ...]
    joinable: cgroups.Joinable
    stdio_fds: tuple[int, int, int]
    """Standard input is -1 for /dev/null."""
    failure_fd: int
    last_capability: int


def namespaces_of(spec: Spec) -> int:
    """Return the clone flags for the namespaces that this container has of its own."""
    return NAMESPACES if spec.network == "host" else NAMESPACES | processes.CLONE_NEWNET


def contain(cell: Cell) -> NoReturn:
    """Be the first process of the container, from its clone to its exec."""
    step = "begin"
    try:
        privileges.forbid_dumps()
        step = "limits"
        set_limits()
        step = "cgroup"
        cgroups.enter(cell.joinable)
        processes.leave(processes.CLONE_NEWCGROUP)
        step = "session"
        os.setsid()
        processes.drop_session_keyring()
        if cell.spec.network == "none":
            step = "loopback"
            _raise_loopback()
        step = "root"
        root_fd = _build_root(cell)
        step = "user"
        identity = _look_up(root_fd, cell.spec.user)
        step = "pivot"
        _change_root(root_fd)
        step = "stdio"
        _take_stdio(cell.stdio_fds, identity)
        step = "workdir"
        processes.set_hostname(cell.spec.hostname)
        os.umask(0o022)
        program.go_to(cell.spec.workdir, make=not cell.spec.workdir_given)
        step = "identity"
        program.reset_signals()
        program.confine(identity, cell.spec.capabilities, cell.last_capability)
        program.close_at_exec()
        step = "exec"
        if cell.spec.init:
            init.become_init()
        program.execute(cell.spec.argv, program.environment(cell.spec.env, identity))
    except BaseException as error:  # noqa: BLE001 (nothing may leave this process but through its pipe)
        program.tell_and_leave(cell.failure_fd, step, error)


def set_limits() -> None:
    """Give the program the usual limits, as far as this host lets us go beyond our own (getrlimit(2))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NOFILE_LIMIT, NOFILE_LIMIT))
    except (PermissionError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, NOFILE_LIMIT), min(hard, NOFILE_LIMIT)))


def _raise_loopback() -> None:
    """Switch on ``lo``, which a new network namespace has, and has down (netdevice(7))."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = struct.pack(_IFREQ, b"lo", 0)
    flags = struct.unpack(_IFREQ, fcntl.ioctl(socket.fileno(), _SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(socket.fileno(), _SIOCSIFFLAGS, struct.pack(_IFREQ, b"lo", flags | _IFF_UP))
    socket.close()


def _build_root(cell: Cell) -> int:
    """Mount the overlay in this namespace and all that belongs on it. Returns the descriptor of its root."""
    mounts.make_private()
    os.umask(0)
    place_fd = os.open(cell.root_dir, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    mounts.attach_mount(cell.overlay_fd, place_fd, subject=cell.root_dir)
    os.close(place_fd)
    # The descriptor of a detached mount stays its root after it has been attached.
    root_fd = cell.overlay_fd
    for step in cell.steps:
        step.apply(root_fd)
    return root_fd


def _look_up(root_fd: int, wanted: str) -> user.Identity:
    try:
        return user.look_up(root_fd, wanted)
    except user.UnknownUser as error:
        raise program.CannotRun("user", errno.ENOENT, wanted, str(error)) from error


def _change_root(root_fd: int) -> None:
    os.fchdir(root_fd)
    os.close(root_fd)
    mounts.pivot_to_working_directory()


def _take_stdio(stdio_fds: tuple[int, int, int], identity: user.Identity) -> None:
    """Take over the standard descriptors; the user owns them, so that /dev/stdout can be opened again."""
    stdin_fd, stdout_fd, stderr_fd = stdio_fds
    if stdin_fd < 0:
        stdin_fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    else:
        os.fchown(stdin_fd, identity.uid, identity.gid)
    for fd in (stdout_fd, stderr_fd):
        os.fchown(fd, identity.uid, identity.gid)
    program.take_stdio(stdin_fd, stdout_fd, stderr_fd)


def open_overlay(*, layers: tuple[str, ...], upper: str, work: str) -> int:
    """Return the descriptor of a detached overlay: the layers, the lowest first, below a writable directory.

    One option carries at most 255 bytes (fsconfig(2)), so several layers go one by one, which needs Linux 6.5.
    """
    if len(layers) == 1:
        # Here, and here alone, a colon separates directories.
        lower = [("lowerdir", layers[0].replace("\\", "\\\\").replace(":", "\\:"))]
    else:
        lower = [("lowerdir+", path) for path in reversed(layers)]
    return mounts.new_mount("overlay", (*lower, ("upperdir", upper), ("workdir", work)))
