"""The cgroup of a container: made with its limits, and entered.

A process comes into its cgroup before it can fork: by CLONE_INTO_CGROUP on v2; on v1 it writes 0 to ``tasks`` itself.
Writing another process's pid to ``cgroup.procs`` would wait for a grace period of the kernel, 2 to 10 ms for each
hierarchy.
"""

from __future__ import annotations

import errno
import os

from quiltctl.model.value import Value
from quiltctl.runtime.cgroup import tree
from quiltctl.runtime.cgroup.layout import find_layout, name_on_v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.model.device import DeviceRule
    from quiltctl.runtime.cgroup.layout import Layout
    from quiltctl.runtime.cgroup.limits import Write

_COUNTED = ("cpu", "cpuacct", "memory", "pids", "blkio")
"""By these every container is counted, limited or not."""
_ATTEMPTS = 3


class Joinable(Value):
    """Open descriptors by which a process enters a cgroup: of the v2 directory, and of each v1 ``tasks``."""

    unified_fd: int | None
    tasks_fds: tuple[int, ...]

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self.unified_fd, *self.tasks_fds):
            if fd is not None:
                os.close(fd)


NOWHERE = Joinable(None, ())
"""No cgroup: a process stays where it was born."""


def create(path: str, writes: Sequence[Write], rules: Sequence[DeviceRule] | None = None) -> Joinable:
    """Make a container's cgroup, write its limits, and return what a process enters it by.

    ``rules`` say which devices may be used; None is all. Without the v1 controller a program on the v2 tree sees to
    it, which needs no controller and works in the hybrid layout as well.

    Raises:
        OSError: the kernel refuses the directory or a limit.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _create(path, writes, rules)
        except OSError as error:
            # What lies above was empty for a moment, and somebody has removed it, maybe after the controllers were had.
            if error.errno not in {errno.ENODEV, errno.ENOENT}:
                raise
    return _create(path, writes, rules)


def _create(path: str, writes: Sequence[Write], rules: Sequence[DeviceRule] | None) -> Joinable:
    from quiltctl.runtime.cgroup import limits  # exec writes none

    layout = find_layout()
    wanted = tuple(dict.fromkeys((*_COUNTED, *(write.controller for write in writes))))
    unified_fd = None
    if layout.unified:
        unified_fd = _make_unified(layout, path, wanted)
    for mount in _v1_mounts(layout, wanted):
        os.close(tree.make(mount, path))
    limits.write_all(layout, path, writes)
    if rules is not None:
        _limit_devices(layout.directory("devices", path) or unified_fd, rules)
    return Joinable(unified_fd, _open_tasks(layout, path))


def _make_unified(layout: Layout, path: str, controllers: Sequence[str]) -> int:
    """Make a cgroup of v2 with as many of the controllers as can be had, and return its descriptor.

    What lies above may be removed and made anew between the two steps, and then it has none: so they are counted.
    """
    wanted = {name_on_v2(name) for name in controllers if name in layout.controllers}
    for attempt in range(_ATTEMPTS):
        tree.enable(layout, os.path.dirname(path), controllers)
        unified_fd = tree.make(layout.unified, path)
        with open(f"{layout.unified}/{path}/cgroup.controllers", encoding="utf-8") as file:
            if wanted <= set(file.read().split()) or attempt == _ATTEMPTS - 1:
                return unified_fd
        os.close(unified_fd)
    return -1


def open_existing(path: str) -> Joinable:
    """Return what a process enters the cgroup of a running container by.

    A hierarchy in which it has none is left out: a container may have been started by an older quiltctl.

    Raises:
        FileNotFoundError: no hierarchy has one: the container has ended.
    """
    layout = find_layout()
    unified_fd = None
    if layout.unified:
        unified_fd = os.open(f"{layout.unified}/{path}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    tasks_fds = _open_tasks(layout, path)
    if unified_fd is None and layout.v1 and not tasks_fds:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return Joinable(unified_fd, tasks_fds)


def leave_callers(path: str) -> None:
    """Bring this process out of its caller's v1 cgroups into those of this path.

    One that stayed would die with the session, the job or the service that happened to start the container, and count
    against its limits. Where the caller is in the root of a hierarchy there is nothing to leave.
    """
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        memberships = [line.rstrip("\n").split(":", 2) for line in file]
    v1 = find_layout().v1
    for _, controllers, current in memberships:
        mount = v1.get(controllers.partition(",")[0])
        if mount and current != "/":
            directory_fd = tree.make(mount, path)
            tree.write("tasks", "0", dir_fd=directory_fd)
            os.close(directory_fd)


def enter(joinable: Joinable) -> None:
    """Bring this process, which must have one thread, into the v1 cgroups. On v2 the clone has done it."""
    for tasks_fd in joinable.tasks_fds:
        os.write(tasks_fd, b"0")


def _v1_mounts(layout: Layout, controllers: Sequence[str]) -> tuple[str, ...]:
    """Return the v1 hierarchies in which a container has a cgroup for the sake of these controllers, or always."""
    wanted = (*controllers, "devices", *(() if layout.unified else ("freezer",)))
    return tuple(dict.fromkeys(layout.v1[name] for name in wanted if layout.version(name) == 1))


def _open_tasks(layout: Layout, path: str) -> tuple[int, ...]:
    """Return descriptors of the files by which a process enters a cgroup, in each v1 hierarchy that has it."""
    fds = []
    for mount in dict.fromkeys(layout.v1.values()):
        try:
            fds.append(os.open(f"{mount}/{path}/tasks", os.O_WRONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            continue
    return tuple(fds)


def _limit_devices(cgroup: str | int | None, rules: Sequence[DeviceRule]) -> None:
    """Let a cgroup use devices as the rules say: a v1 directory, or the descriptor of a v2 one."""
    from quiltctl.runtime import devices  # 1 ms, which `exec` need not pay

    if isinstance(cgroup, int):
        devices.limit_v2(cgroup, rules)
    elif cgroup:
        devices.limit_v1(cgroup, rules)
