"""Which processes of the host are those of a container."""

from __future__ import annotations

import os

from quiltctl.runtime import process_facts
from quiltctl.runtime.cgroup import place, population
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from quiltctl.paths import Paths
    from quiltctl.runtime.process_facts import Process

    Found = TypeVar("Found")


class Crew:
    """The processes of one container that runs, whose first process is ``first`` and began at ``started``.

    They are those of its cgroup. A container without one has those of its PID namespace, where it has one of its own
    (``private``), and in any case its first process; and all that descends from these.
    """

    def __init__(
        self, paths: Paths, container_id: str, first: int, started: int, *, parent: str, private: bool
    ) -> None:
        self._cgroup = place.of_container(paths, container_id, parent)
        self._first = first
        self._started = started
        self._private = private

    def pids(self) -> list[int]:
        """Return their numbers on the host; none when the container has ended."""
        found = population.members(self._cgroup)
        if found or pidfd.start_time(self._first) != self._started:
            return found
        return _related(self._first, private=self._private)

    def each(self, look: Callable[[list[int]], list[tuple[int, Found]]]) -> list[Found]:
        """Return what ``look`` finds of the processes, of those that are still there afterwards.

        A number that came to mean a stranger while it was looked at is not among them any more.
        """
        found = look(self.pids())
        still = set(self.pids())
        return [one for pid, one in found if pid in still]

    def processes(self) -> list[Process]:
        """Return what is known of them, in the order of their numbers inside.

        A process that is about to join the container and has no number there yet is left out.

        Raises:
            ProcessLookupError: the first process has ended.
        """
        depth = process_facts.depth(self._first, self._started)

        def look(pids: list[int]) -> list[tuple[int, Process]]:
            read = [process_facts.read(pid, depth) for pid in pids]
            return [(one.host_pid, one) for one in read if one is not None]

        return sorted(self.each(look), key=lambda process: (process.pid, process.host_pid))


def open_root(first: int, started: int) -> int:
    """Return a descriptor of the root directory that the first process of a container sees.

    Raises:
        OSError: it has ended, or this process may not look into it.
    """
    folder_fd = pidfd.open_folder(first, started)
    try:
        return os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)


def _related(first: int, *, private: bool) -> list[int]:
    """Return the first process, those of its PID namespace if that is its own, and all that descends from these."""
    children: dict[int, list[int]] = {}
    begin = [first]
    namespace = _namespace(first)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        parent = _parent(pid)
        if parent is None:
            continue
        children.setdefault(parent, []).append(pid)
        if private and namespace and _namespace(pid) == namespace:
            begin.append(pid)
    found: set[int] = set()
    while begin:
        pid = begin.pop()
        if pid not in found:
            found.add(pid)
            begin.extend(children.get(pid, ()))
    return sorted(found)


def _parent(pid: int) -> int | None:
    """Return the parent of a process, or None when that has ended (proc_pid_stat(5), field 4)."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return int(file.read().rpartition(b") ")[2].split()[1])
    except OSError:
        return None


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""
