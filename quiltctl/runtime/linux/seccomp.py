"""Filtering the system calls of this thread, and of whatever it forks and executes."""

from __future__ import annotations

import ctypes

from quiltctl.runtime.linux.libc import failed, libc

# linux/prctl.h, linux/seccomp.h
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_INSTRUCTION_BYTES = 8


class _Program(ctypes.Structure):
    """struct sock_fprog, linux/filter.h; the kernel copies what it points to."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load(program: bytes) -> None:
    """Install a filter, an array of struct sock_filter, for good; it adds to those that are there (seccomp(2)).

    It needs no_new_privs or CAP_SYS_ADMIN, and of the program's own calls those that follow must be allowed.

    Raises:
        OSError: EACCES where neither is there, EINVAL where it is no program.
    """
    # prctl, not seccomp(2): the same for one thread, and without a number for each architecture.
    length = len(program) // _INSTRUCTION_BYTES
    argument = _Program(length if length <= 0xFFFF else 0, program)  # noqa: PLR2004 (a c_ushort wraps; 0 is EINVAL)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    if libc.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(argument), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise failed("seccomp")
