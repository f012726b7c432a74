"""Opening files below a directory that somebody hostile may have filled."""

from __future__ import annotations

import ctypes
import os

from quiltctl.runtime.linux.libc import SYS_OPENAT2, syscall

# linux/openat2.h
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10


class _OpenHow(ctypes.Structure):
    """struct open_how, openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(dir_fd: int, path: str | bytes, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """Open a path as seen from a directory; the descriptor is close-on-exec. ``resolve`` takes RESOLVE flags.

    RESOLVE_IN_ROOT treats ``dir_fd`` as the root of the file system, also for the links met on the way, so no
    name leads out of it (openat2(2)). The kernel says EAGAIN when names below are moved meanwhile: then once more.

    Raises:
        OSError: with ``openat2 path`` as its filename.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    name = os.fsencode(path)
    while True:
        try:
            return syscall(
                "openat2",
                SYS_OPENAT2,
                ctypes.c_int(dir_fd),
                name,
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
                subject=os.fsdecode(path),
            )
        except BlockingIOError:
            continue
