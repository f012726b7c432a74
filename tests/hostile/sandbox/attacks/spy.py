"""Look into every process that comes by, as often as can be, until /tmp/stop is there; report what could be seen.

A process that is still ours may not be looked into. It becomes a program of the image sooner or later, and then may be:
so whatever opens counts where /proc/PID/exe is refused afterwards.
"""

from __future__ import annotations

import json
import os
import sys

OPENED = ("mem", "maps", "environ", "cwd", "root", "auxv", "ns/user")
MOST = 1 << 16


def opens(path: str) -> bytes:
    """Return the beginning of a file, a word for what opens and cannot be read, and nothing if it is refused.

    Those of a process that has ended, too, open for everybody, and are empty.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(fd, MOST)
    except OSError:
        return b"opened"
    finally:
        os.close(fd)


def refused(pid: str) -> bool:
    """Return whether a process exists and may not be looked into."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def look_into(pid: str) -> None:
    """Add what one process shows."""
    for name in OPENED:
        said = opens(f"/proc/{pid}/{name}")
        if said and refused(pid):
            report["opened"].add(name)
        if name == "environ":
            report["environments"].update(said.decode(errors="replace").split("\0"))
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        links = []
    if links and refused(pid):
        report["descriptors"].update(links)
    report["lines"].update(opens(f"/proc/{pid}/cmdline").decode(errors="replace").split("\0"))
    try:
        report["programs"].add(os.readlink(f"/proc/{pid}/exe"))
    except PermissionError:
        report["met"].add(pid)
    except OSError:
        return


report: dict[str, set[str]] = {
    name: set() for name in ("opened", "descriptors", "environments", "lines", "programs", "met")
}
while not os.path.exists("/tmp/stop"):
    for entry in os.listdir("/proc"):
        if entry.isdigit() and entry != str(os.getpid()):
            look_into(entry)
json.dump({name: sorted(found) for name, found in report.items()}, sys.stdout)
