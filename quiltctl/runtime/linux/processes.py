"""Making processes in namespaces, and what a process does to itself before it becomes a program."""

from __future__ import annotations

import ctypes
import os

from quiltctl.runtime.linux.libc import SYS_CLONE3, SYS_CLOSE_RANGE, failed, libc, syscall

# linux/sched.h
CLONE_PARENT = 0x8000
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
NAMESPACES = (
    # their names below /proc/PID/ns; the user namespace last, since joining it takes the rights over the others away
    ("ipc", CLONE_NEWIPC),
    ("uts", CLONE_NEWUTS),
    ("net", CLONE_NEWNET),
    ("pid", CLONE_NEWPID),
    ("user", CLONE_NEWUSER),
)
_CLONE_INTO_CGROUP = 0x200000000
_SIGCHLD = 17
_CLOSE_RANGE_CLOEXEC = 4
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}


class _CloneArgs(ctypes.Structure):
    """struct clone_args, clone(2), as of Linux 5.7."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    )


def clone(flags: int, *, cgroup_fd: int | None = None) -> int:
    """Make a child in new namespaces, on v2 straight in its cgroup. Returns 0 in the child, else its pid.

    Like fork(2), but the interpreter is not told: only for a process with one thread whose child soon executes
    a program or ends. With CLONE_PARENT the child is a sibling, and the exit signal is the caller's own (clone(2)).
    """
    arguments = _CloneArgs(flags=flags, exit_signal=0 if flags & CLONE_PARENT else _SIGCHLD)
    if cgroup_fd is not None:
        arguments.flags |= _CLONE_INTO_CGROUP
        arguments.cgroup = cgroup_fd
    return syscall(
        "clone3", SYS_CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)), subject=f"{flags:#x}"
    )


def leave(flags: int) -> None:
    """Move this process out of shared namespaces into new ones (unshare(2))."""
    if libc.unshare(flags):
        raise failed("unshare", f"{flags:#x}")


def join(fd: int, flags: int) -> None:
    """Join namespaces, all at once those of the process behind a pidfd, or the one that ``fd`` is (setns(2))."""
    if libc.setns(fd, flags):
        raise failed("setns", f"{flags:#x}")


def close_at_exec(first_fd: int) -> None:
    """Mark every descriptor from ``first_fd`` on as close-on-exec.

    Closing them here would also close the pipe that tells a failed exec (close_range(2)).
    """
    syscall(
        "close_range",
        SYS_CLOSE_RANGE,
        ctypes.c_uint(first_fd),
        ctypes.c_uint(0xFFFFFFFF),
        ctypes.c_uint(_CLOSE_RANGE_CLOEXEC),
    )


def close_all_but(fd: int) -> None:
    """Close every descriptor but the standard ones and this one."""
    os.closerange(3, fd)
    os.closerange(fd + 1, 1 << 30)


def set_hostname(name: str) -> None:
    """Set the host name of this UTS namespace."""
    encoded = name.encode()
    if libc.sethostname(encoded, ctypes.c_size_t(len(encoded))):
        raise failed("sethostname", name)


def set_domainname(name: str) -> None:
    """Set the NIS domain name of this UTS namespace."""
    encoded = name.encode()
    if libc.setdomainname(encoded, ctypes.c_size_t(len(encoded))):
        raise failed("setdomainname", name)


def drop_session_keyring() -> None:
    """Join a new, empty session keyring: the caller's keys stay outside (keyrings(7))."""
    number = _SYS_KEYCTL.get(os.uname().machine)
    if number is None:
        return
    try:
        syscall("keyctl", number, ctypes.c_int(_KEYCTL_JOIN_SESSION_KEYRING), None, subject="join session keyring")
    except OSError as error:
        # A kernel without keyrings has no keys to leak.
        if error.errno != 38:  # noqa: PLR2004 (ENOSYS)
            raise
