"""The first process of a container, from its clone to its exec.

It is born in new user, mount, PID, UTS, IPC and network namespaces, as a sibling of the process that made it, and
waits: real root outside maps its ids, and mounts what it could not. Then it is handed the overlay, becomes the root of
its own namespace, and walks through ``contain``: its root file system, while its network is made outside, then its
identity, then the program. The order is forced: a later step takes away what an earlier one needs. Nothing is imported
on the way, since the interpreter's files are gone once the root has changed, and every failure is told over a pipe.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import struct

from quiltctl.model.sysctl import DOMAIN_NAME
from quiltctl.model.value import Value
from quiltctl.runtime import init, program
from quiltctl.runtime.cgroup import group
from quiltctl.runtime.linux import mounts, privileges, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from quiltctl.model.spec import Spec
    from quiltctl.runtime.rootfs.steps import Step

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_IFREQ = "16sh22x"


class Cell(Value):
    """What was made ready outside: everything the first process needs and cannot get by itself."""

    spec: Spec
    gate: _socket.socket
    """Where the overlay comes in, once the ids are mapped. An end without it means: end."""
    steps: tuple[Step, ...]
    joinable: group.Joinable
    stdio_fds: tuple[int, int, int]
    """Standard input is -1 for /dev/null."""
    failure_fd: int
    confinement: program.Confinement


def contain(cell: Cell, joined_fd: int = -1) -> NoReturn:
    """Be the first process of the container, from its clone to its exec.

    ``joined_fd`` is the cgroup namespace of another container, to be joined, or -1.
    """
    step = "begin"
    try:
        privileges.forbid_dumps()
        step = "cgroup"
        group.enter(cell.joinable)
        step = "session"
        os.setsid()
        processes.drop_session_keyring()
        step = "gate"
        overlay_fd = _wait_at_the_gate(cell.gate)
        step = "namespaces"
        program.become_root_inside(cell.spec)
        _settle_namespaces(cell.spec, joined_fd)
        step = "root"
        root_fd = _build_root(cell, overlay_fd)
        step = "network"
        _wait_for_the_network(cell)
        step = "user"
        identity = program.look_up(root_fd, cell.spec.user, cell.spec.groups)
        step = "pivot"
        _change_root(root_fd)
        step = "stdio"
        program.take_stdio(cell.stdio_fds, identity)
        step = "workdir"
        # Nothing of the host's is left for a working directory such as /proc/self/fd/N/new to be made in.
        processes.close_all_but(cell.failure_fd)
        os.umask(cell.spec.umask)
        program.go_to(cell.spec.workdir, make=not cell.spec.workdir_given)
        step = "identity"
        program.reset_signals()
        program.confine(identity, cell.confinement)
        step = "exec"
        if cell.spec.init:
            init.become_init()
        program.execute(cell.spec.argv, program.environment(cell.spec.env, identity))
    except BaseException as error:  # noqa: BLE001 (nothing may leave this process but through its pipe)
        program.tell_and_leave(cell.failure_fd, step, error)


def open_gate(gate: _socket.socket, overlay_fd: int) -> None:
    """Hand the overlay to the first process, whose ids are mapped by now."""
    gate.sendmsg([b"\n"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", overlay_fd))])


def open_second_gate(gate: _socket.socket) -> None:
    """Tell the first process that its network is there."""
    gate.send(b"\n")


def _wait_for_the_network(cell: Cell) -> None:
    """Wait until the wires are there, which are made while the root is built. Without them, somebody has told why."""
    if cell.spec.network == "bridge" and not cell.gate.recv(1):
        os._exit(125)
    cell.gate.close()


def _wait_at_the_gate(gate: _socket.socket) -> int:
    """Wait until the ids are mapped, and return the overlay. Without one, whoever makes us has told why: end."""
    told, control, *_ = gate.recvmsg(1, _socket.CMSG_SPACE(struct.calcsize("i")), _socket.MSG_CMSG_CLOEXEC)
    if not told:
        os._exit(125)
    overlay_fd: int = struct.unpack("i", control[0][2])[0]
    return overlay_fd


def _settle_namespaces(spec: Spec, joined_fd: int) -> None:
    if spec.cgroupns == "private":
        processes.leave(processes.CLONE_NEWCGROUP)
    elif spec.cgroupns != "host":
        processes.join(joined_fd, processes.CLONE_NEWCGROUP)
    if spec.network in {"none", "bridge"}:
        _raise_loopback()
        _let_ping(spec)
    if spec.uts == "private":
        processes.set_hostname(spec.hostname)
        if DOMAIN_NAME in spec.sysctls:
            processes.set_domainname(spec.sysctls[DOMAIN_NAME])


def _raise_loopback() -> None:
    """Switch on ``lo``, which a new network namespace has, and has down (netdevice(7))."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = struct.pack(_IFREQ, b"lo", 0)
    flags = struct.unpack(_IFREQ, fcntl.ioctl(socket.fileno(), _SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(socket.fileno(), _SIOCSIFFLAGS, struct.pack(_IFREQ, b"lo", flags | _IFF_UP))
    socket.close()


def _let_ping(spec: Spec) -> None:
    """Let every group of the container ask for echoes, which needs no right to raw sockets then (icmp(7))."""
    last = 0x7FFFFFFF
    if spec.gid_map:
        # Both ends must be mapped, and what lies between is meant as the host counts.
        inside, _, size = (int(number) for number in spec.gid_map[0].split(":"))
        last = size - 1 if inside == 0 else 0
    try:
        fd = os.open("/proc/sys/net/ipv4/ping_group_range", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, f"0 {last}".encode())
        os.close(fd)
    except OSError:  # what is only a nicety may be missing: a host whose /proc/sys is read-only, or hidden
        return


def _build_root(cell: Cell, overlay_fd: int) -> int:
    """Mount the overlay in this namespace and all that belongs on it. Returns the descriptor of its root.

    It is laid over the root that we still see: that place is always there and always open, whatever folders on the
    host are closed to the ids that we have by now.
    """
    mounts.make_private()
    os.umask(0)
    place_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mounts.attach_mount(overlay_fd, place_fd, subject="overlay")
    os.close(place_fd)
    if cell.spec.uid_map:
        # Nobody inside can make a device; one that an image brings is none either.
        mounts.set_attributes(overlay_fd, mounts.NODEV, subject="/")
    # The descriptor of a detached mount stays its root after it has been attached.
    for step in cell.steps:
        step.apply(overlay_fd)
    return overlay_fd


def _change_root(root_fd: int) -> None:
    os.fchdir(root_fd)
    os.close(root_fd)
    mounts.pivot_to_working_directory()
