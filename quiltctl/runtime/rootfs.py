"""The root file system of a container, as a list of steps: planned as values, applied in the new mount namespace.

Every target is found inside the root by openat2, by descriptor, and mounted by descriptor; what the image has
planted in its place cannot lead anywhere else. The three trees that security hangs on, /proc, /sys and /dev,
must be real directories: a link there is refused.
"""

from __future__ import annotations

import os
import stat

from quiltctl.model.value import Value
from quiltctl.runtime.linux import files, mounts

MASKED = (
    "proc/acpi",
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "proc/timer_stats",
    "sys/firmware",
    "sys/fs/selinux",
    "sys/devices/virtual/powercap",
)
READ_ONLY = ("proc/asound", "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger")
DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
)
_CPUS = "/sys/devices/system/cpu"


class Step(Value):
    """One thing done to the root. ``apply`` raises OSError; ``describe`` says it in a few words."""

    def describe(self) -> str:
        """Return what the step does, for people."""
        raise NotImplementedError

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        raise NotImplementedError


class Mount(Step):
    """Mount a new file system on a directory, which is made if the image lacks it."""

    kind: str
    target: str
    options: tuple[tuple[str, str | None], ...] = ()
    attributes: int = 0

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"mount {self.kind} on /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = open_directory(root_fd, self.target)
        mount_fd = mounts.new_mount(self.kind, self.options, attributes=self.attributes)
        mounts.attach_mount(mount_fd, target_fd, subject=f"/{self.target}")
        os.close(mount_fd)
        os.close(target_fd)


class FillDev(Step):
    """Make the device nodes and links of /dev, in the tmpfs that was mounted there."""

    def describe(self) -> str:
        """Return what the step does, for people."""
        return "fill /dev"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        dev_fd = open_directory(root_fd, "dev")
        for name, major, minor in DEVICES:
            os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(major, minor), dir_fd=dev_fd)
        for target, name in LINKS:
            os.symlink(target, name, dir_fd=dev_fd)
        for name in ("pts", "shm", "mqueue"):
            os.mkdir(name, 0o755, dir_fd=dev_fd)
        os.close(dev_fd)


class BindFile(Step):
    """Lay a file of the container's folder over a file of the image, which is made if the image lacks it."""

    source: str
    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"bind {self.source} on /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        source_fd = os.open(self.source, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        mount_fd = mounts.clone_mount(source_fd, attributes=mounts.NOSUID | mounts.NODEV, subject=self.source)
        target_fd = open_file(root_fd, self.target)
        mounts.attach_mount(mount_fd, target_fd, subject=f"/{self.target}")
        for fd in (source_fd, mount_fd, target_fd):
            os.close(fd)


class ReadOnly(Step):
    """Make a part of /proc read-only, where the kernel has it."""

    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"make /{self.target} read-only"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = _open_kernel_file(root_fd, self.target)
        if target_fd is None:
            return
        locked = mounts.RDONLY | mounts.NOSUID | mounts.NODEV | mounts.NOEXEC
        mount_fd = mounts.clone_mount(target_fd, attributes=locked, subject=f"/{self.target}")
        mounts.attach_mount(mount_fd, target_fd, subject=f"/{self.target}")
        os.close(mount_fd)
        os.close(target_fd)


class Mask(Step):
    """Hide files behind /dev/null and directories behind one empty, read-only tmpfs, where the kernel has them.

    One tmpfs for all: a superblock each would have all containers meet in the kernel's lists of superblocks.
    """

    targets: tuple[str, ...]

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"mask {', '.join('/' + target for target in self.targets)}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        null_fd = files.openat2(root_fd, "dev/null", os.O_PATH | os.O_NOFOLLOW, resolve=files.RESOLVE_NO_SYMLINKS)
        found = os.fstat(null_fd)
        if not stat.S_ISCHR(found.st_mode) or found.st_rdev != os.makedev(1, 3):
            raise OSError(22, "is not the null device", "/dev/null")
        empty_fd = mounts.new_mount("tmpfs", (("size", "0"), ("mode", "0555"), ("ro", None)), attributes=_EMPTY)
        for target in self.targets:
            target_fd = _open_kernel_file(root_fd, target)
            if target_fd is None:
                continue
            source_fd = empty_fd if stat.S_ISDIR(os.fstat(target_fd).st_mode) else null_fd
            mount_fd = mounts.clone_mount(source_fd, subject=f"mask /{target}")
            mounts.attach_mount(mount_fd, target_fd, subject=f"/{target}")
            os.close(mount_fd)
            os.close(target_fd)
        os.close(empty_fd)
        os.close(null_fd)


_LOCKED = mounts.NOSUID | mounts.NODEV | mounts.NOEXEC
_EMPTY = mounts.RDONLY | _LOCKED


def plan(*, container_dir: str, shm_bytes: int, cgroup2: bool, resolv_conf: bool) -> tuple[Step, ...]:
    """Return the steps that turn an overlay into the root of a container, in their order."""
    throttles = tuple(
        f"sys/devices/system/cpu/{name}/thermal_throttle" for name in _listed(_CPUS) if name[3:].isdigit()
    )
    cgroup = (Mount("cgroup2", "sys/fs/cgroup", (), _LOCKED | mounts.RDONLY),) if cgroup2 else ()
    resolv = (BindFile(f"{container_dir}/resolv.conf", "etc/resolv.conf"),) if resolv_conf else ()
    return (
        Mount("proc", "proc", (), _LOCKED),
        Mount("sysfs", "sys", (), _LOCKED | mounts.RDONLY),
        *cgroup,
        Mount("tmpfs", "dev", (("mode", "0755"), ("size", "65536k")), mounts.NOSUID | mounts.STRICTATIME),
        FillDev(),
        Mount(
            "devpts",
            "dev/pts",
            (("newinstance", None), ("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")),
            mounts.NOSUID | mounts.NOEXEC,
        ),
        Mount("tmpfs", "dev/shm", (("mode", "1777"), ("size", str(shm_bytes))), _LOCKED),
        Mount("mqueue", "dev/mqueue", (), _LOCKED),
        BindFile(f"{container_dir}/hosts", "etc/hosts"),
        BindFile(f"{container_dir}/hostname", "etc/hostname"),
        *resolv,
        *(ReadOnly(target) for target in READ_ONLY),
        Mask(MASKED + throttles),
    )


def open_directory(root_fd: int, path: str) -> int:
    """Return a directory of the root, made where the image lacks it. No link is followed on the way.

    Raises:
        OSError: ELOOP when a link stands there, ENOTDIR when another file does.
    """
    flags = os.O_PATH | os.O_DIRECTORY
    try:
        return files.openat2(root_fd, path, flags, resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
    except FileNotFoundError:
        parent, _, name = path.rpartition("/")
        parent_fd = open_directory(root_fd, parent) if parent else os.dup(root_fd)
        os.mkdir(name, 0o755, dir_fd=parent_fd)
        made_fd = files.openat2(parent_fd, name, flags | os.O_NOFOLLOW, resolve=files.RESOLVE_NO_SYMLINKS)
        os.close(parent_fd)
        return made_fd


def open_file(root_fd: int, path: str) -> int:
    """Return a file of the root to mount on, made where the image lacks it. Links are followed within the root.

    A link that leads nowhere, as resolv.conf often is, is replaced by an empty file, in this container alone.
    """
    try:
        return files.openat2(root_fd, path, os.O_PATH, resolve=files.RESOLVE_IN_ROOT)
    except FileNotFoundError:
        parent, _, name = path.rpartition("/")
        parent_fd = _open_in_root(root_fd, parent)
        _unlink(name, parent_fd)
        made_fd = os.open(
            name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=parent_fd
        )
        os.close(parent_fd)
        return made_fd


def _unlink(name: str, parent_fd: int) -> None:
    try:
        os.unlink(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return


def _open_in_root(root_fd: int, path: str) -> int:
    try:
        return files.openat2(root_fd, path, os.O_PATH | os.O_DIRECTORY, resolve=files.RESOLVE_IN_ROOT)
    except FileNotFoundError:
        return open_directory(root_fd, path)


def _open_kernel_file(root_fd: int, path: str) -> int | None:
    """Return a file of the /proc or /sys that was just mounted, or None where this kernel does not have it."""
    try:
        return files.openat2(root_fd, path, os.O_PATH, resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
    except (FileNotFoundError, PermissionError):
        return None


def _listed(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.startswith("cpu"))
    except FileNotFoundError:
        return []
