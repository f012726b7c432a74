"""The processes in a container's cgroup, all of them at once: listed, brought in, frozen, killed.

Freezing goes through the v2 tree wherever it is mounted: what is frozen there can be killed. By the v1 freezer a
process survives kill -9 until it is thawed (cgroup-v1, freezer-subsystem), so there whoever kills thaws first.
"""

from __future__ import annotations

import errno
import os
import time

from quiltctl.runtime.cgroup import tree
from quiltctl.runtime.cgroup.layout import find_layout

_SIGKILL = 9
_FREEZING_S = 10.0
_STEP_S = 0.001


def members(path: str) -> list[int]:
    """Return the pids of the processes in a cgroup and in those below it; none when there is no such cgroup."""
    layout = find_layout()
    mount = layout.unified or layout.v1.get("pids") or layout.v1.get("memory") or next(iter(layout.v1.values()), "")
    pids: list[int] = []
    for directory, _, _ in os.walk(f"{mount}/{path}"):
        try:
            with open(f"{directory}/cgroup.procs", encoding="utf-8") as file:
                pids.extend(map(int, file))
        except OSError:  # ENOENT: it is gone; ENODEV: it goes just now
            continue
    return pids


def freeze(path: str) -> bool:
    """Stop every process of a cgroup, and return whether all have stopped, which may take the kernel a moment.

    Raises:
        FileNotFoundError: there is no such cgroup: the container has ended, or the host has no freezer.
    """
    layout = find_layout()
    deadline = time.monotonic() + _FREEZING_S
    while True:
        # Again each time: freezer-subsystem, a state of FREEZING asks for it; and one that has gone is noticed.
        if layout.unified:
            _write(f"{layout.unified}/{path}/cgroup.freeze", "1")
        else:
            _write(_v1_state(path), "FROZEN")
        if is_frozen(path):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP_S)


def thaw(path: str) -> None:
    """Let every process of a cgroup go on, or be killed; one that is not there needs no thawing."""
    if not path:
        return
    layout = find_layout()
    try:
        if layout.unified:
            _write(f"{layout.unified}/{path}/cgroup.freeze", "0")
        else:
            _write(_v1_state(path), "THAWED")
    except FileNotFoundError:
        return


def frozen_survive() -> bool:
    """Return whether what is frozen here cannot be killed, and whoever kills has to thaw."""
    return not find_layout().unified


def is_told_to_stand(path: str) -> bool:
    """Return whether somebody has frozen this very cgroup, whether all its processes stand still by now or not."""
    if not path:
        return False
    layout = find_layout()
    name = "cgroup.freeze" if layout.unified else "freezer.self_freezing"
    directory = f"{layout.unified}/{path}" if layout.unified else os.path.dirname(_v1_state(path))
    try:
        with open(f"{directory}/{name}", encoding="utf-8") as file:
            return file.read().strip() == "1"
    except OSError:  # ENOENT, ENODEV: it is gone
        return False


def is_frozen(path: str) -> bool:
    """Return whether all processes of a cgroup stand still; False when there is none."""
    layout = find_layout()
    try:
        if not layout.unified:
            with open(_v1_state(path), encoding="utf-8") as file:
                return file.read().strip() == "FROZEN"
        with open(f"{layout.unified}/{path}/cgroup.events", encoding="utf-8") as file:
            return "frozen 1\n" in file.read()
    except OSError:  # ENOENT, ENODEV: it is gone
        return False


def _v1_state(path: str) -> str:
    return f"{find_layout().v1.get('freezer', '/sys/fs/cgroup/freezer')}/{path}/freezer.state"


def _write(file: str, text: str) -> None:
    """Write to a file of a cgroup; one that goes away between the opening and the writing is not there either."""
    try:
        tree.write(file, text)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file) from error


def adopt(controller: str, path: str) -> None:
    """Bring the processes of a running container under a controller by which it is not counted yet.

    It must be frozen: one that forked meanwhile would leave children behind.

    Raises:
        OSError: the kernel refuses it.
    """
    layout = find_layout()
    if layout.version(controller) == 2:  # noqa: PLR2004 (of cgroups)
        tree.enable(layout, os.path.dirname(path), (controller,))
        return
    directory = layout.directory(controller, path)
    if not directory or os.path.isdir(directory):
        return
    directory_fd = tree.make(layout.v1[controller], path)
    try:
        for pid in members(path):
            try:
                tree.write("cgroup.procs", str(pid), dir_fd=directory_fd)
            except ProcessLookupError:
                continue
    finally:
        os.close(directory_fd)


def kill(path: str) -> None:
    """Kill every process of a cgroup: at once where the kernel can (cgroup.kill, Linux 5.14), else one by one.

    One by one, a process that forks may be faster: whoever wants the cgroup empty calls again until it is.
    """
    layout = find_layout()
    if layout.unified:
        try:
            _write(f"{layout.unified}/{path}/cgroup.kill", "1")
        except FileNotFoundError:
            return
    else:
        _kill_members(path)


def _kill_members(path: str) -> None:
    from quiltctl.runtime.linux import pidfd

    held: dict[int, int] = {}
    for pid in members(path):
        try:
            held[pid] = pidfd.pidfd_open(pid)
        except ProcessLookupError:
            continue
    still = set(members(path))  # now that they are held: what has got the number of one that ended is not among them
    for pid, process_fd in held.items():
        if pid in still:
            pidfd.send_signal(process_fd, _SIGKILL)
        os.close(process_fd)
    thaw(path)
