"""Mounting by descriptor, with the calls of Linux 5.2: a detached mount belongs to no path until it is moved."""

from __future__ import annotations

import ctypes
import os

from quiltctl.runtime.linux.libc import (
    SYS_FSCONFIG,
    SYS_FSMOUNT,
    SYS_FSOPEN,
    SYS_MOUNT_SETATTR,
    SYS_MOVE_MOUNT,
    SYS_OPEN_TREE,
    failed,
    libc,
    syscall,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

# linux/mount.h
RDONLY = 0x01
NOSUID = 0x02
NODEV = 0x04
NOEXEC = 0x08
STRICTATIME = 0x20
LOCKED = NOSUID | NODEV | NOEXEC
"""What every mount of a kernel file system has."""
_MS_REC = 1 << 14
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 0x04
_MOVE_MOUNT_T_EMPTY_PATH = 0x40
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_MOUNT_ATTR_IDMAP = 0x00100000


class _MountAttr(ctypes.Structure):
    """struct mount_attr, mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def new_mount(kind: str, options: Iterable[tuple[str, str | None]] = (), *, attributes: int = 0) -> int:
    """Make a file system of this kind and return the descriptor of its detached mount.

    An option without a value is a flag. See fsopen(2), fsconfig(2), fsmount(2).

    Raises:
        OSError: the kernel has no such file system, or refuses an option; the option is named where it was that.
    """
    context_fd = syscall("fsopen", SYS_FSOPEN, kind.encode(), ctypes.c_uint(_FSOPEN_CLOEXEC), subject=kind)
    try:
        for key, value in (("source", kind), *options):
            command = _FSCONFIG_SET_FLAG if value is None else _FSCONFIG_SET_STRING
            _fsconfig(context_fd, command, key, value, f"{kind} {key}={value}")
        _fsconfig(context_fd, _FSCONFIG_CMD_CREATE, None, None, kind)
        return syscall(
            "fsmount",
            SYS_FSMOUNT,
            ctypes.c_int(context_fd),
            ctypes.c_uint(_FSMOUNT_CLOEXEC),
            ctypes.c_uint(attributes),
            subject=kind,
        )
    finally:
        os.close(context_fd)


def _fsconfig(context_fd: int, command: int, key: str | None, value: str | None, subject: str) -> None:
    syscall(
        "fsconfig",
        SYS_FSCONFIG,
        ctypes.c_int(context_fd),
        ctypes.c_uint(command),
        None if key is None else key.encode(),
        None if value is None else os.fsencode(value),
        ctypes.c_int(0),
        subject=subject,
    )


def clone_mount(source_fd: int, *, attributes: int = 0, subject: str = "") -> int:
    """Return a detached bind mount of what the descriptor names, with these attributes added. See open_tree(2)."""
    tree_fd = syscall(
        "open_tree",
        SYS_OPEN_TREE,
        ctypes.c_int(source_fd),
        b"",
        ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC | AT_EMPTY_PATH),
        subject=subject,
    )
    if attributes:
        set_attributes(tree_fd, attributes, subject=subject)
    return tree_fd


def set_attributes(mount_fd: int, attributes: int, *, subject: str = "") -> None:
    """Add attributes to the mount that the descriptor is the root of. See mount_setattr(2)."""
    _set(mount_fd, _MountAttr(attr_set=attributes), subject)


def shift_owners(mount_fd: int, user_namespace_fd: int, *, subject: str = "") -> None:
    """Map the owners of a detached mount's files by a user namespace. It can be done once, before it is attached.

    Raises:
        OSError: EINVAL where the file system cannot (mount_setattr(2), since Linux 5.12).
    """
    _set(mount_fd, _MountAttr(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=user_namespace_fd), subject)


def _set(mount_fd: int, wanted: _MountAttr, subject: str) -> None:
    syscall(
        "mount_setattr",
        SYS_MOUNT_SETATTR,
        ctypes.c_int(mount_fd),
        b"",
        ctypes.c_uint(AT_EMPTY_PATH),
        ctypes.byref(wanted),
        ctypes.c_size_t(ctypes.sizeof(wanted)),
        subject=subject,
    )


def attach_mount(mount_fd: int, target_fd: int, *, subject: str = "") -> None:
    """Put a detached mount on what the second descriptor names, whatever its path is by now. See move_mount(2)."""
    syscall(
        "move_mount",
        SYS_MOVE_MOUNT,
        ctypes.c_int(mount_fd),
        b"",
        ctypes.c_int(target_fd),
        b"",
        ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH),
        subject=subject,
    )


def make_private() -> None:
    """Cut this mount namespace off from the others: no mount travels in or out (mount_namespaces(7))."""
    if libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None):
        raise failed("mount", "/ private")


def pivot_to_working_directory() -> None:
    """Make the working directory, a mount, the root, and let go of the old root and all that is mounted below it.

    pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one until it is unmounted. It is unmounted
    from within: seen from the new root, the second call would take that one away.
    """
    old_root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if libc.pivot_root(b".", b"."):
        raise failed("pivot_root", ".")
    os.fchdir(old_root_fd)
    os.close(old_root_fd)
    if libc.umount2(b".", _MNT_DETACH):
        raise failed("umount2", "the old root")
    while libc.umount2(b".", _MNT_DETACH) == 0:
        continue
    os.chdir("/")


def detach(target: str) -> None:
    """Take a mount away from its place at once; it ends when its last user has left (umount2(2), MNT_DETACH)."""
    if libc.umount2(os.fsencode(target), _MNT_DETACH):
        raise failed("umount2", target)
