"""How a container's first process comes into the world, as a child of the watch, and is let go when all is ready.

``launch`` makes its cgroup and what only real root can mount, clones it, maps its ids, mounts the overlay of layers
whose owners are mapped in the same way, and hands that through the gate. A container that joins namespaces of another
one is cloned by a process in between, which has joined them.
"""

from __future__ import annotations

import _socket
import errno
import marshal
import os

from quiltctl.model import device
from quiltctl.model.id_map import root_ids
from quiltctl.model.limits import limits_from
from quiltctl.model.value import Value
from quiltctl.runtime import confinement, devices, liveness, namespaces, rlimits, sandbox, user_namespace
from quiltctl.runtime.cgroup import group, limits, place
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.linux import files, mounts, pidfd, privileges, processes
from quiltctl.runtime.rootfs import outside
from quiltctl.runtime.rootfs.plan import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from quiltctl.model.device import DeviceRule
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


class Born(Value):
    """The first process: its pid here and on the host, its start time, and the pipe that tells a failure.

    By the gate it is told that its network is there.
    """

    pid: int
    host_pid: int
    started: int
    failure_fd: int
    gate: _socket.socket


class NoUserNamespace(Exception):
    """This host gives no user namespace, or has no way to map the owners of the image. The text is the reason."""


def launch(paths: Paths, spec: Spec, stdio_fds: tuple[int, ...], joined: tuple[int, int] | None) -> Born:
    """Make everything ready, clone the first process and let it go. The caller is in a mount namespace of its own.

    ``joined`` is pid and start time of the container whose namespaces are joined.

    Raises:
        OSError: something could not be made.
        NoUserNamespace: see there.
    """
    container_dir = paths.container(spec.id)
    exact = rlimits.prepare(spec.ulimits)
    joined_fd = -1 if joined is None else pidfd.open_folder(*joined)
    joinable = _make_cgroup(paths, spec)
    cgroup2 = joinable.unified_fd is not None
    made = outside.make(spec, container_dir, _shared_memory(spec, joined_fd), cgroup2=cgroup2)
    for fd in stdio_fds:
        os.fchown(fd, *root_ids(spec))
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    failure_r, failure_w = os.pipe2(os.O_CLOEXEC)
    cell = sandbox.Cell(
        spec=spec,
        gate=theirs,
        steps=plan(spec, made, cgroup2=cgroup2),
        joinable=joinable,
        stdio_fds=(stdio_fds[0] if spec.interactive else -1, stdio_fds[1], stdio_fds[2]),
        failure_fd=failure_w,
        confinement=confinement.of(paths, spec, exact),
    )
    pid = _clone(cell, ours, joined_fd)
    theirs.close()
    os.close(failure_w)
    host_pid = _host_pid(pid)
    born = Born(pid, host_pid, liveness.start_time(host_pid) or 0, failure_r, ours)
    overlay_fd = _open_overlay(paths, spec, _map_ids(spec, host_pid, joined_fd))
    sandbox.open_gate(ours, overlay_fd)
    os.close(overlay_fd)
    return born


def _make_cgroup(paths: Paths, spec: Spec) -> group.Joinable:
    """Make the container's cgroup, with its limits, and return what the first process enters it by."""
    if spec.cgroups == "disabled":
        return group.NOWHERE
    path = place.of_container(paths, spec.id, spec.cgroup_parent)
    return group.create(path, limits.plan(find_layout(), limits_from(spec.limits)), _device_rules(spec))


def _device_rules(spec: Spec) -> tuple[DeviceRule, ...] | None:
    """Return what the container may do with devices; None is everything."""
    if spec.privileged:
        return None
    passed = (device.node_from(entry).rule for entry in spec.devices)
    return (*devices.DEFAULT_RULES, *passed, *map(device.rule_from, spec.device_rules))


def _clone(cell: sandbox.Cell, ours: _socket.socket, joined_fd: int) -> int:
    """Clone the first process, as a child of the watch, and return its pid here."""
    flags = namespaces.own(cell.spec) | processes.CLONE_PARENT
    if joined_fd >= 0:
        return _clone_joined(cell, ours, joined_fd, flags)
    pid = -1
    if flags & processes.CLONE_NEWUSER:
        # user_namespaces(7), namespaces(7), /proc/sys/user: what lives in it counts against the limits of whoever
        # makes it. As root, one container would take all the inotify instances that the host's root has.
        privileges.pose_as(root_ids(cell.spec)[0])
    try:
        pid = processes.clone(flags, cgroup_fd=cell.joinable.unified_fd)
    except OSError as error:
        # clone(2): EINVAL without user namespaces, ENOSPC and EUSERS beyond their limit, EPERM in a chroot.
        refused = {errno.EINVAL, errno.ENOSPC, errno.EUSERS, errno.EPERM}
        if flags & processes.CLONE_NEWUSER and error.errno in refused:
            raise NoUserNamespace(
                f"the kernel makes no user namespace: {os.strerror(error.errno or 0).lower()}"
            ) from error
        raise
    finally:
        if pid != 0 and flags & processes.CLONE_NEWUSER:
            privileges.pose_as(0)
    if pid == 0:
        ours.close()
        sandbox.contain(cell)
    return pid


def _clone_joined(cell: sandbox.Cell, ours: _socket.socket, joined_fd: int, flags: int) -> int:
    """Clone a process that joins the namespaces of another container, and clones the first process from within."""
    born_r, born_w = os.pipe2(os.O_CLOEXEC)
    if processes.clone(processes.CLONE_PARENT, cgroup_fd=cell.joinable.unified_fd) == 0:
        ours.close()
        _be_go_between(cell, joined_fd, flags, born_w)
    os.close(born_w)
    with open(born_r, "rb") as file:
        told = file.read()
    pid, number, subject = marshal.loads(told) if told else (0, errno.ESRCH, "joined container")
    if not pid:
        raise OSError(number, os.strerror(number), subject)
    return int(pid)


def _be_go_between(cell: sandbox.Cell, joined_fd: int, flags: int, born_fd: int) -> NoReturn:
    try:
        group.enter(cell.joinable)
        cgroup_fd = _namespace(joined_fd, "cgroup") if cell.spec.cgroupns.startswith("container:") else -1
        wanted = namespaces.joined(cell.spec)
        # All are opened before the first is joined, and the user namespace comes last: it takes our rights away.
        opened = [(_namespace(joined_fd, name), flag) for name, flag in processes.NAMESPACES if wanted & flag]
        for namespace_fd, flag in opened:
            processes.join(namespace_fd, flag)
        pid = processes.clone(flags)
        if pid == 0:
            os.close(born_fd)  # its end is what is waited for
            sandbox.contain(cell, cgroup_fd)
        os.write(born_fd, marshal.dumps((pid, 0, "")))
    except OSError as error:
        os.write(born_fd, marshal.dumps((0, error.errno, str(error.filename or ""))))
    finally:
        os._exit(0)


def _namespace(folder_fd: int, name: str) -> int:
    return os.open(f"ns/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd)


def _map_ids(spec: Spec, host_pid: int, joined_fd: int) -> int | None:
    """Map the ids of the first process, and return its user namespace, or None where it has the host's."""
    if not spec.uid_map:
        return None
    if joined_fd >= 0 and spec.userns.startswith("container:"):
        return _namespace(joined_fd, "user")
    user_namespace.write_maps(host_pid, spec)
    return user_namespace.open_of(host_pid)


def _open_overlay(paths: Paths, spec: Spec, user_namespace_fd: int | None) -> int:
    container_dir = paths.container(spec.id)
    layers = tuple(f"{paths.layers}/{digest}" for digest in spec.layers)
    try:
        return outside.open_overlay(layers, f"{container_dir}/upper", f"{container_dir}/work", user_namespace_fd)
    except outside.CannotShift as error:
        raise NoUserNamespace(f"the file system of {paths.layers} has no idmapped mounts") from error


def _shared_memory(spec: Spec, joined_fd: int) -> int:
    """Return a detached mount of the /dev/shm of the container whose IPC namespace is joined, or -1 for none.

    open_tree(2) clones only what is in the caller's own mount namespace, so that is changed for the moment. Nothing of
    the host is in there that a link could lead to, and links are not followed.
    """
    if not spec.ipc.startswith("container:"):
        return -1
    own_fd = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    their_fd = _namespace(joined_fd, "mnt")
    processes.join(their_fd, processes.CLONE_NEWNS)
    try:
        root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        shm_fd = files.openat2(root_fd, "dev/shm", os.O_PATH | os.O_DIRECTORY, resolve=files.RESOLVE_NO_SYMLINKS)
        return mounts.clone_mount(shm_fd, attributes=mounts.LOCKED, subject="/dev/shm")  # noqa: S108
    finally:
        processes.join(own_fd, processes.CLONE_NEWNS)


def _host_pid(pid: int) -> int:
    """Return the pid by which the host knows one of our namespace: /proc is the host's, and so is what it says."""
    process_fd = os.pidfd_open(pid)
    try:
        with open(f"/proc/self/fdinfo/{process_fd}", "rb", buffering=0) as file:
            return next(int(line.split()[1]) for line in file.read().splitlines() if line.startswith(b"Pid:"))
    finally:
        os.close(process_fd)
