"""Report all that can be seen of others: processes, mounts, keys, memory, sockets, names, kernel messages and events.

The arguments are the key of shared memory and the abstract name of a socket that others have. It says "ready" once it
listens for events, and waits for a line before it ends its report.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SYS_ADD_KEY, SYS_KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
KEYCTL_SEARCH, USER_KEYRING, SESSION_KEYRING = 10, -4, -3
SYSLOG_READ_ALL, SYSLOG_SIZE = 3, 10
NETLINK_KOBJECT_UEVENT = 15
MOST = 1 << 16
"""Nobody reads all of /proc/kcore; and what /proc/sys is asked for it makes room for."""

libc = ctypes.CDLL(None, use_errno=True)


def answer(act: Callable[..., object], *arguments: object) -> str:
    """Return the name of the error that an act ends with, or "works"."""
    try:
        act(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "works"


def call(result: int) -> int:
    """Raise the error of a call that has failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "call")
    return result


def read(path: str) -> str:
    """Return what a file says, or the name of the error."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MOST)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def find_key(keyring: int) -> str:
    """Look for a key by its name."""
    words = (ctypes.c_long(keyring), b"user", b"quilt-secret", ctypes.c_long(0))
    return answer(lambda: call(libc.syscall(ctypes.c_long(SYS_KEYCTL), ctypes.c_long(KEYCTL_SEARCH), *words)))


def connect(name: str) -> str:
    """Speak to an abstract socket."""
    with socket.socket(socket.AF_UNIX) as one:
        return answer(lambda: one.connect(f"\0{name}"))


def writable(folder: str) -> list[str]:
    """Return the files below a folder that can be opened for writing; nothing is written."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = f"{parent}/{name}"
            if os.stat(path, follow_symlinks=False).st_mode & 0o222 and answer(opened, path, os.O_WRONLY) == "works":
                found.append(path)
    return found


def opened(path: str, flags: int) -> None:
    """Open a file, and close it."""
    os.close(os.open(path, flags | os.O_NONBLOCK))


def listen() -> tuple[socket.socket | None, str]:
    """Return a socket that hears of devices that come and go, or the error."""
    try:
        events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT)
        events.bind((0, 1))
    except OSError as error:
        return None, errno.errorcode[error.errno or 0]
    events.settimeout(0.3)
    return events, ""


def heard(events: socket.socket | None, refused: str) -> str:
    """Return the first event, or why there is none."""
    if events is None:
        return refused
    try:
        return events.recv(4096).decode(errors="replace").partition("\0")[0]
    except TimeoutError:
        return "silence"


key, name = int(sys.argv[1]), sys.argv[2]
listening = listen()
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
symbols = read("/proc/kallsyms").splitlines()
report = {
    "processes": sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit()),
    "mounts": read("/proc/self/mountinfo").splitlines(),
    "hostname": [os.uname().nodename, read("/proc/sys/kernel/hostname").strip(), read("/etc/hostname").strip()],
    "interfaces": sorted({entry for _, entry in socket.if_nameindex()} | set(os.listdir("/sys/class/net"))),
    "keys": [find_key(USER_KEYRING), find_key(SESSION_KEYRING), read("/proc/keys")],
    "shared memory": answer(lambda: call(libc.shmget(key, 1, 0))),
    "sysv": [len(read(f"/proc/sysvipc/{kind}").splitlines()) for kind in ("shm", "sem", "msg")],
    "posix": os.listdir("/dev/shm") + os.listdir("/dev/mqueue"),
    "socket": [connect(name), [line for line in read("/proc/net/unix").splitlines()[1:] if "@" in line]],
    "cgroups": sorted({line.split(":", 2)[2] for line in read("/proc/self/cgroup").splitlines()}),
    "symbols": sum(int(line.split()[0], 16) != 0 for line in symbols),
    "messages": [
        answer(lambda: call(libc.klogctl(SYSLOG_SIZE, None, 0))),
        answer(lambda: call(libc.klogctl(SYSLOG_READ_ALL, ctypes.create_string_buffer(64), 64))),
        *(answer(opened, path, os.O_RDONLY) for path in ("/dev/kmsg", "/proc/kmsg")),
    ],
    "core": read("/proc/kcore"),
    "settings": writable("/proc/sys"),
    "devices": writable("/sys"),
    "events": heard(*listening),
}
json.dump(report, sys.stdout)
