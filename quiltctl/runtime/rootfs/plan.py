"""The plan of a container's root: which steps, in which order. Planned as values, applied in the new mount namespace.

A file system that shows a namespace (/proc processes, /sys interfaces, mqueue the queues, cgroup2 the cgroups) can be
mounted only by who has rights over that namespace. So the container's first process mounts those of its own
namespaces; those of the host's are made outside by real root, and only attached.
"""

from __future__ import annotations

import os

from quiltctl.model.id_map import host_id
from quiltctl.model.sysctl import DOMAIN_NAME
from quiltctl.runtime.linux import mounts
from quiltctl.runtime.rootfs.outside import tree_attributes
from quiltctl.runtime.rootfs.steps import (
    AttachFile,
    AttachTree,
    FillDev,
    MakeFolder,
    Mask,
    Mount,
    ReadOnly,
    Seal,
    SetSysctl,
    Step,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec
    from quiltctl.runtime.rootfs.outside import Made

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
_CPUS = "/sys/devices/system/cpu"
_TTY_GROUP = 5
_TMPFS_FOLDERS = ("run", "tmp", "var/tmp")


def plan(spec: Spec, made: Made, *, cgroup2: bool) -> tuple[Step, ...]:
    """Return the steps that turn an overlay into the root of this container, with what was made for it outside."""
    sealed = (Seal(),) if spec.read_only else ()
    scratch = tuple(
        Mount("tmpfs", name, (("mode", "1777" if name.endswith("tmp") else "0755"),), mounts.NOSUID | mounts.NODEV)
        for name in _TMPFS_FOLDERS
        if spec.read_only and spec.read_only_tmpfs
    )
    # Only the image names it: podman makes it, and after Seal nobody can.
    workdir = () if spec.workdir_given or not spec.read_only else (MakeFolder(spec.workdir.lstrip("/") or "."),)
    return (
        *_kernel_trees(spec, made, cgroup2=cgroup2),
        *_dev(spec, made),
        *(AttachFile(mount_fd, f"etc/{name}") for name, mount_fd in made.files.items()),
        *(SetSysctl(name, value) for name, value in spec.sysctls.items() if name != DOMAIN_NAME),
        *hidden(spec),
        *scratch,
        *workdir,
        *sealed,
    )


def hidden(spec: Spec) -> tuple[Step, ...]:
    """Return the steps that protect /proc and /sys: the usual ones, less --security-opt unmask, plus mask."""
    masked, read_only = [], []
    if not spec.privileged:
        throttles = [f"sys/devices/system/cpu/{name}/thermal_throttle" for name in _cpus()]
        masked = [path for path in (*MASKED, *throttles) if not _unmasked(path, spec.unmask)]
        read_only = [path for path in READ_ONLY if not _unmasked(path, spec.unmask)]
    masked += [path.strip("/") for path in spec.mask]
    return (*(ReadOnly(path) for path in read_only), *((Mask(tuple(masked)),) if masked else ()))


def _unmasked(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a path is among those that the user wants bare: ALL, a path, or a path with shell wildcards."""
    if not patterns:
        return False
    from fnmatch import fnmatchcase  # re: 7 ms, for who asks for it

    return any(pattern == "ALL" or fnmatchcase(f"/{path}", pattern.rstrip("/")) for pattern in patterns)


def _kernel_trees(spec: Spec, made: Made, *, cgroup2: bool) -> tuple[Step, ...]:
    trees = [_tree(spec, made, "proc", "proc"), _tree(spec, made, "sysfs", "sys")]
    return (*trees, _tree(spec, made, "cgroup2", "sys/fs/cgroup")) if cgroup2 else tuple(trees)


def _dev(spec: Spec, made: Made) -> tuple[Step, ...]:
    group = (("gid", str(_TTY_GROUP)),) if host_id(spec.gid_map, _TTY_GROUP) is not None else ()
    options = (("newinstance", None), ("ptmxmode", "0666"), ("mode", "0620"), *group)
    shm = (("mode", "1777"), ("size", str(spec.shm_bytes)))
    return (
        AttachTree(made.dev_fd, "dev"),
        FillDev(),
        Mount("devpts", "dev/pts", options, mounts.NOSUID | mounts.NOEXEC),
        Mount("tmpfs", "dev/shm", shm, mounts.LOCKED) if made.shm_fd < 0 else AttachTree(made.shm_fd, "dev/shm"),
        _tree(spec, made, "mqueue", "dev/mqueue"),
    )


def _tree(spec: Spec, made: Made, kind: str, target: str) -> Step:
    """Return the mount of a kernel file system: by the container, or of the host's namespace, made outside."""
    if kind in made.trees:
        return AttachTree(made.trees[kind], target)
    return Mount(kind, target, (), tree_attributes(spec, kind))


def _cpus() -> list[str]:
    try:
        return sorted(name for name in os.listdir(_CPUS) if name.startswith("cpu") and name[3:].isdigit())
    except FileNotFoundError:
        return []
