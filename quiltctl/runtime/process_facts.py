"""What /proc tells of one process of a container, in the container's numbers where it has its own (proc(5))."""

from __future__ import annotations

import os

from quiltctl.model.value import Value
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES = 1 << 15
"""As much of a command line as is shown: a program may write megabytes there, and there may be thousands of them."""
_MAX_GROUPS = 1024
"""As many groups of a process are shown: it may have 65,536, and there may be thousands of such processes."""
_CAPABILITIES = {"CapInh": "inh", "CapPrm": "prm", "CapEff": "eff", "CapBnd": "bnd", "CapAmb": "amb"}


class Process(Value):
    """A process. Its ids of users and groups are the host's; ``uids`` and ``gids`` are real, effective, saved, fs."""

    host_pid: int
    pid: int
    """Its number in the PID namespace of the container; ``pgid`` and ``ppid`` are of there as well."""
    ppid: int
    """0 where its parent is outside."""
    pgid: int
    comm: str
    argv: tuple[str, ...]
    state: str
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: tuple[int, ...]
    tty: str
    """The terminal below /dev, or ``?``."""
    cpu_ticks: int
    started_ticks: int
    """Since the boot, as ``cpu_ticks`` in units of sysconf(_SC_CLK_TCK)."""
    nice: int
    virtual_bytes: int
    resident_bytes: int
    capabilities: dict[str, int]
    """Masks by the name of the set: inh, prm, eff, bnd, amb."""
    seccomp: int
    label: str
    """What a security module calls it, or ``?``."""


def depth(host_pid: int, started: int) -> int:
    """Return how deep below that of this process the PID namespace of a process lies: 0 is the same one.

    Raises:
        ProcessLookupError: the process that began then has ended.
    """
    folder_fd = pidfd.open_folder(host_pid, started)
    try:
        return len(_status(folder_fd)["NSpid"].split()) - 1
    finally:
        os.close(folder_fd)


def read(host_pid: int, depth: int) -> Process | None:
    """Return what is known of a process, or None: it has ended, or has no number in a PID namespace so deep.

    All of it is of one process, also where the number changes hands meanwhile: the open folder pins it.
    """
    try:
        folder_fd = _open(host_pid)
    except OSError:
        return None
    try:
        return _process(folder_fd, host_pid, depth)
    except OSError:  # ENOENT, ESRCH: it has ended
        return None
    finally:
        os.close(folder_fd)


def _process(folder_fd: int, host_pid: int, depth: int) -> Process | None:
    status = _status(folder_fd)
    pids = _numbers(status, "NSpid")
    # Field 2, the name, may hold anything, a closing bracket too: the last one ends it (proc_pid_stat(5)).
    name, _, rest = _read(folder_fd, "stat").rpartition(b") ")
    fields = [int(field) for field in rest.split()[1:]]
    if len(pids) <= depth:
        return None
    return Process(
        host_pid=host_pid,
        pid=pids[depth],
        ppid=_inside(fields[0], depth),
        pgid=_numbers(status, "NSpgid")[depth],
        comm=_text(name.partition(b" (")[2]),
        argv=tuple(_text(word) for word in _read(folder_fd, "cmdline").rstrip(b"\0").split(b"\0")),
        state=rest[:1].decode(),
        uids=_numbers(status, "Uid"),
        gids=_numbers(status, "Gid"),
        groups=tuple(map(int, status["Groups"].split(None, _MAX_GROUPS)[:_MAX_GROUPS])),
        tty=_terminal(fields[3]),
        cpu_ticks=fields[10] + fields[11],
        nice=fields[15],
        started_ticks=fields[18],
        virtual_bytes=fields[19],
        resident_bytes=int(status.get("VmRSS", "0").split()[0]) * 1024,
        capabilities={short: int(status[field], 16) for field, short in _CAPABILITIES.items()},
        seccomp=int(status.get("Seccomp", "-1")),
        label=_label(folder_fd),
    )


def _inside(parent: int, depth: int) -> int:
    """Return the number of a parent in a PID namespace so deep: 0 where it has none there, or has just ended."""
    try:
        folder_fd = _open(parent)
    except OSError:
        return 0
    try:
        pids = _numbers(_status(folder_fd), "NSpid")
    except OSError:
        return 0
    finally:
        os.close(folder_fd)
    return pids[depth] if len(pids) > depth else 0


def _open(pid: int) -> int:
    return os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _read(folder_fd: int, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        return os.read(fd, _MAX_BYTES)
    finally:
        os.close(fd)


def _status(folder_fd: int) -> dict[str, str]:
    """Return the lines of proc_pid_status(5) by name. The name of the process, escaped there, cannot forge one.

    All of them: the list of groups may be 700 KB long, and there is more to know after it.
    """
    fd = os.open("status", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd)
    with open(fd, "rb", buffering=_MAX_BYTES) as file:
        lines = file.read().decode("ascii", "replace").split("\n")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _numbers(status: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(map(int, status[name].split()))


def _terminal(number: int) -> str:
    """Return the terminal of a device number (proc_pid_stat(5), field 7; admin-guide/devices)."""
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if major in range(136, 144):
        return f"pts/{minor + ((major - 136) << 8)}"
    if major == 4:  # noqa: PLR2004 (virtual terminals, and serial lines from 64 on)
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"  # noqa: PLR2004
    return "console" if (major, minor) == (5, 1) else "?"


def _label(folder_fd: int) -> str:
    try:
        return _text(_read(folder_fd, "attr/current").rstrip(b"\0\n")) or "?"
    except OSError:  # EINVAL: no security module has labels
        return "?"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
