"""The C library, called with the interpreter's lock held.

PyDLL, not CDLL: between fork or clone and exec only this thread exists, and a call that gives the lock away
could wait for it for ever. It is also the faster of the two.
"""

from __future__ import annotations

import ctypes
import os

libc = ctypes.PyDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

# Numbers since Linux 5.1 are the same on every architecture (asm-generic/unistd.h).
SYS_PIDFD_SEND_SIGNAL = 424
SYS_OPEN_TREE = 428
SYS_MOVE_MOUNT = 429
SYS_FSOPEN = 430
SYS_FSCONFIG = 431
SYS_FSMOUNT = 432
SYS_CLONE3 = 435
SYS_CLOSE_RANGE = 436
SYS_OPENAT2 = 437
SYS_MOUNT_SETATTR = 442


def failed(call: str, subject: object = "") -> OSError:
    """Return the OSError for the call that has just failed: errno, its text, and ``call subject`` as its filename."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), f"{call} {subject}".rstrip())


def syscall(call: str, number: int, *arguments: object, subject: object = "") -> int:
    """Make a system call for which the C library may have no wrapper, and return its result.

    Integers must be passed as ctypes.c_long where they may not fit an int; None is a null pointer.

    Raises:
        OSError: it failed; the filename says ``call subject``.
    """
    result: int = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise failed(call, subject)
    return result
