"""Mounts that show the owners of files shifted, as a user namespace maps them (mount_setattr(2), Linux 5.12)."""

from __future__ import annotations

import ctypes

from quiltctl.runtime.linux.libc import SYS_MOUNT_SETATTR, syscall
from quiltctl.runtime.linux.mounts import AT_EMPTY_PATH

_MOUNT_ATTR_IDMAP = 0x00100000


class _MountAttr(ctypes.Structure):
    """struct mount_attr, mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def shift_owners(mount_fd: int, user_namespace_fd: int, *, subject: str = "") -> None:
    """Map the owners of a detached mount's files by a user namespace. It can be done once, before it is attached.

    Raises:
        OSError: EINVAL where the file system cannot.
    """
    wanted = _MountAttr(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=user_namespace_fd)
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
