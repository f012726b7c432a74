"""Processes held by descriptor: one that ended is never mistaken for another that got its number (pidfd_open(2))."""

from __future__ import annotations

import errno
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def pidfd_open(pid: int) -> int:
    """Return a descriptor for a process, which becomes readable when it ends, also while it is still a zombie.

    Raises:
        ProcessLookupError: there is none.
    """
    return os.pidfd_open(pid)


def open_verified(pid: int, started: int) -> int | None:
    """Return a descriptor for the process that began at ``started`` (clock ticks since boot), or None: it is dead.

    It is opened first and looked at then: what has the number while the descriptor is held is what the descriptor
    means, so nothing can take its place between the two.
    """
    try:
        process_fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if start_time(pid) == started:
        return process_fd
    os.close(process_fd)
    return None


def open_folder(pid: int, started: int) -> int:
    """Return the /proc folder of the process that began at ``started``, which the descriptor pins.

    For who is in a PID namespace that has no number for the process, but sees the host's /proc; and for its namespaces.

    Raises:
        ProcessLookupError: it has ended.
    """
    try:
        folder_fd = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ProcessLookupError(errno.ESRCH, "has ended", f"process {pid}") from error
    if start_time(pid) != started:
        os.close(folder_fd)
        raise ProcessLookupError(errno.ESRCH, "has ended", f"process {pid}")
    return folder_fd


def send_signal(process_fd: int, signal: int) -> bool:
    """Send a signal to exactly this process. Returns whether it was still there (pidfd_send_signal(2))."""
    from _signal import pidfd_send_signal  # the package signal imports enum

    try:
        pidfd_send_signal(process_fd, signal)
    except ProcessLookupError:
        return False
    return True


def wait_all(process_fds: Iterable[int], timeout_s: float | None) -> set[int]:
    """Wait until all these processes have ended, or the time is over. Returns the descriptors of those that have.

    ``None`` waits for ever, 0 only looks.
    """
    from select import POLLIN, poll

    waiting = poll()
    left = set(process_fds)
    for process_fd in left:
        waiting.register(process_fd, POLLIN)
    ended: set[int] = set()
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while left:
        # Rounded up: a wait cut to 0 ms would spin through the last millisecond.
        ready = waiting.poll(None if until is None else max(int((until - time.monotonic()) * 1000 + 0.999), 0))
        if not ready:
            break
        for process_fd, _ in ready:
            waiting.unregister(process_fd)
            left.discard(process_fd)
            ended.add(process_fd)
    return ended


def wait_any(process_fds: Iterable[int], timeout_s: float | None) -> set[int]:
    """Wait until one of these processes has ended, or the time is over. Returns the descriptors of those that have."""
    from select import POLLIN, poll

    waiting = poll()
    for process_fd in process_fds:
        waiting.register(process_fd, POLLIN)
    return {fd for fd, _ in waiting.poll(None if timeout_s is None else int(timeout_s * 1000 + 0.999))}


def start_time(pid: int) -> int | None:
    """Return when a living process began, in clock ticks since boot, or None when it is dead or a zombie.

    proc_pid_stat(5), field 22.
    """
    fields = _stat(pid)
    return None if not fields or fields[0] in b"ZX" else int(fields[19])


def flags(pid: int) -> int:
    """Return the kernel's flags of a process, 0 when there is none (proc_pid_stat(5), field 9)."""
    fields = _stat(pid)
    return int(fields[6]) if fields else 0


def _stat(pid: int) -> list[bytes]:
    """Return what /proc says of a process from field 3 on, after the name, which may hold anything; else nothing."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read().rpartition(b") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
