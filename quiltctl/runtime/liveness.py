"""Whether a process that was noted once still lives: by pid, start time and boot id, never by pid alone."""

from __future__ import annotations

from quiltctl.runtime.linux import pidfd

_boot_id = ""
_PF_EXITING = 0x4


def boot_id() -> str:
    """Return the id of the running boot (random(4))."""
    global _boot_id  # noqa: PLW0603 (it never changes while a process lives)
    if not _boot_id:
        with open("/proc/sys/kernel/random/boot_id", "rb", buffering=0) as file:
            _boot_id = file.read().decode().strip()
    return _boot_id


def start_time(pid: int) -> int | None:
    """Return when a living process began, in clock ticks since boot, or None when it is dead or a zombie."""
    return pidfd.start_time(pid)


def alive(pid: int | None, started: int | None, boot: str | None) -> bool:
    """Return whether the process noted by these three facts lives."""
    return pid is not None and boot == boot_id() and start_time(pid) == started


def is_ending(pid: int | None, started: int | None, boot: str | None) -> bool:
    """Return whether the process noted by these three facts has been killed and is not gone yet.

    proc_pid_stat(5), field 9: PF_EXITING of the kernel's include/linux/sched.h.
    """
    if pid is None or boot != boot_id() or pidfd.start_time(pid) != started:
        return False
    return bool(pidfd.flags(pid) & _PF_EXITING)


def hold(pid: int | None, started: int | None, boot: str | None) -> int | None:
    """Return a pidfd of the process noted by these three facts, or None when it is dead. The caller closes it."""
    if pid is None or boot != boot_id():
        return None
    return pidfd.open_verified(pid, started or 0)
