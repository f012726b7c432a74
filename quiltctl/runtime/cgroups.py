"""Control groups: one directory per container in each hierarchy that is used, named by the container's id.

Three layouts, told apart by what is mounted under /sys/fs/cgroup: unified (v2), v1, and hybrid (v1 controllers
beside a v2 tree without any, which still knows cgroup.kill and cgroup.events). A process comes into its cgroup
before it can fork: by CLONE_INTO_CGROUP on v2; on v1 it writes 0 to ``tasks`` itself. Writing another process's pid
to ``cgroup.procs`` would wait for a grace period of the kernel, 2 to 10 ms for each hierarchy.
"""

from __future__ import annotations

import errno
import os

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.model.device import DeviceRule

MOUNT = "/sys/fs/cgroup"
SHIMS = "shims"
"""The cgroup, beside those of the containers, in which the shims live."""


class Layout(Value):
    """Which hierarchies there are: the path of the v2 tree or "", whether it has the controllers, and those of v1."""

    unified: str
    unified_has_controllers: bool
    v1: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return unified, hybrid, v1 or none."""
        if self.unified_has_controllers:
            return "unified"
        if self.unified:
            return "hybrid" if self.v1 else "v2 without controllers"
        return "v1" if self.v1 else "none"


class Joinable(Value):
    """Open descriptors by which a process enters a cgroup: of the v2 directory, and of each v1 ``tasks``."""

    unified_fd: int | None
    tasks_fds: tuple[int, ...]

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self.unified_fd, *self.tasks_fds):
            if fd is not None:
                os.close(fd)


def layout() -> Layout:
    """Return which hierarchies this host has mounted in their usual places."""
    if os.path.exists(f"{MOUNT}/cgroup.controllers"):
        return Layout(MOUNT, True, ())
    unified = f"{MOUNT}/unified" if os.path.exists(f"{MOUNT}/unified/cgroup.procs") else ""
    v1 = tuple(name for name in ("pids", "devices") if os.path.exists(f"{MOUNT}/{name}/tasks"))
    return Layout(unified, False, v1)


def create(parent: str, name: str, *, pids_limit: int = 0, rules: Sequence[DeviceRule] | None = None) -> Joinable:
    """Make the cgroup ``parent/name``, set its limits, and return what a process enters it by.

    ``rules`` say which devices may be used; None is all. Without the v1 controller a program on the v2 tree sees to
    it, which needs no controller and works in the hybrid layout as well.

    Raises:
        OSError: the kernel refuses the directory or a limit.
    """
    found = layout()
    unified_fd = None
    if found.unified:
        directory = f"{found.unified}/{parent}/{name}"
        if found.unified_has_controllers and pids_limit:
            _delegate(found.unified, parent, "pids")
        _make(directory)
        if found.unified_has_controllers and pids_limit:
            _write(f"{directory}/pids.max", str(pids_limit))
        unified_fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if rules is not None and "devices" not in found.v1:
            _limit_devices(unified_fd, rules)
    tasks_fds = []
    for controller in found.v1:
        directory = f"{MOUNT}/{controller}/{parent}/{name}"
        _make(directory)
        if controller == "pids" and pids_limit:
            _write(f"{directory}/pids.max", str(pids_limit))
        if controller == "devices" and rules is not None:
            _limit_devices(directory, rules)
        tasks_fds.append(os.open(f"{directory}/tasks", os.O_WRONLY | os.O_CLOEXEC))
    return Joinable(unified_fd, tuple(tasks_fds))


def _limit_devices(cgroup: str | int, rules: Sequence[DeviceRule]) -> None:
    """Let a cgroup use devices as the rules say: a v1 directory, or the descriptor of a v2 one."""
    from quiltctl.runtime import devices  # 1 ms, which `exec` need not pay

    if isinstance(cgroup, int):
        devices.limit_v2(cgroup, rules)
    else:
        devices.limit_v1(cgroup, rules)


def open_existing(parent: str, name: str) -> Joinable:
    """Return what a process enters the cgroup of a running container by.

    A hierarchy in which it has none is left out: a container may have been started by an older quiltctl.

    Raises:
        OSError: no hierarchy has one: the container has ended.
    """
    found = layout()
    unified_fd = None
    if found.unified:
        unified_fd = os.open(f"{found.unified}/{parent}/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    folders = [f"{MOUNT}/{controller}/{parent}/{name}" for controller in found.v1]
    there = [folder for folder in folders if os.path.isdir(folder)]
    if unified_fd is None and folders and not there:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folders[0])
    return Joinable(unified_fd, tuple(os.open(f"{folder}/tasks", os.O_WRONLY | os.O_CLOEXEC) for folder in there))


def enter_shims(parent: str) -> int | None:
    """Bring this process out of its caller's v1 cgroups into ours; return the descriptor of ours on v2, for clone."""
    leave_callers(parent)
    found = layout()
    if not found.unified:
        return None
    directory = f"{found.unified}/{parent}/{SHIMS}"
    _make(directory)
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def leave_callers(parent: str) -> None:
    """Bring this process out of its caller's v1 cgroups into those of the shims.

    One that stayed would die with the session, the job or the service that happened to start the container, and count
    against its limits. Where the caller is in the root of a hierarchy there is nothing to leave.
    """
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        memberships = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in memberships:
        if controllers and path != "/" and not controllers.startswith("name="):
            directory = f"{MOUNT}/{controllers}/{parent}/{SHIMS}"
            _make(directory, copy_cpuset=controllers == "cpuset")
            _write(f"{directory}/tasks", "0")


def enter(joinable: Joinable) -> None:
    """Bring this process, which must have one thread, into the v1 cgroups. On v2 the clone has done it."""
    for tasks_fd in joinable.tasks_fds:
        os.write(tasks_fd, b"0")


def kill(parent: str, name: str) -> None:
    """Kill every process in the cgroup at once, where the kernel can (cgroup.kill, Linux 5.14)."""
    found = layout()
    if found.unified:
        try:
            _write(f"{found.unified}/{parent}/{name}/cgroup.kill", "1")
        except FileNotFoundError:
            return


def remove(parent: str, name: str) -> None:
    """Remove the cgroup from every hierarchy; one that is not there is as well.

    Raises:
        OSError: EBUSY when a process still lives in it.
    """
    for hierarchy in hierarchies():
        try:
            os.rmdir(f"{hierarchy}/{parent}/{name}")
        except FileNotFoundError:
            continue


def remove_parent(parent: str) -> bool:
    """Remove what all containers of a root share, if it is empty. Returns whether anything was removed."""
    removed = False
    for hierarchy in hierarchies():
        for directory in (f"{hierarchy}/{parent}/{SHIMS}", f"{hierarchy}/{parent}"):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in {errno.EBUSY, errno.ENOTEMPTY}:
                    raise
                break
            removed = True
    return removed


def names(parent: str) -> set[str]:
    """Return the names of the containers' cgroups there are below a parent, over all hierarchies."""
    found: set[str] = set()
    for hierarchy in hierarchies():
        try:
            with os.scandir(f"{hierarchy}/{parent}") as entries:
                found.update(entry.name for entry in entries if entry.is_dir() and entry.name != SHIMS)
        except FileNotFoundError:
            continue
    return found


def hierarchies() -> list[str]:
    """Return the mount points of every hierarchy, v2 first, each once: the links to co-mounted ones are skipped."""
    if os.path.exists(f"{MOUNT}/cgroup.controllers"):
        return [MOUNT]
    with os.scandir(MOUNT) as entries:
        found = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(found, key=lambda path: not path.endswith("/unified"))


def _make(directory: str, *, copy_cpuset: bool = False) -> None:
    """Make a cgroup and its parents. Somebody may remove an empty parent in between: then it is made again."""
    for _ in range(100):
        try:
            os.mkdir(directory, 0o755)
        except FileExistsError:
            return
        except FileNotFoundError:
            _make(os.path.dirname(directory), copy_cpuset=copy_cpuset)
            continue
        if copy_cpuset:
            # cgroup-v1 cpusets: a new one is empty, and a process cannot enter an empty one.
            for name in ("cpuset.cpus", "cpuset.mems"):
                with open(f"{os.path.dirname(directory)}/{name}", encoding="ascii") as file:
                    _write(f"{directory}/{name}", file.read().strip())
        return
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), directory)


def _delegate(root: str, parent: str, controller: str) -> None:
    """Pass a v2 controller on to the children of the root and of our parent (cgroup-v2, "Enabling and Disabling")."""
    _make(f"{root}/{parent}")
    for directory in (root, f"{root}/{parent}"):
        with open(f"{directory}/cgroup.subtree_control", encoding="ascii") as file:
            if controller in file.read().split():
                continue
        _write(f"{directory}/cgroup.subtree_control", f"+{controller}")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
