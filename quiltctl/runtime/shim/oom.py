"""What the kernel's OOM killer does in a container: heard of from the kernel, without polling.

On v2 ``memory.events`` becomes ready for POLLPRI when something in it has changed; on v1 an eventfd, registered with
``cgroup.event_control``, tells that memory is short, which is before somebody is killed for it. So each time the count
of killed processes is looked at, at once and a few times soon after. The count says how many there were in this run:
the cgroup is the container's own, and new for each.

This module is loaded by the watch: built-in modules only, and nothing after the container runs.
"""

from __future__ import annotations

import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.runtime.shim.pump import Interest

_LOOKS_S = (0.0, 0.02, 0.2, 1.0)
"""When the count is looked at after a notice. The first kills come within milliseconds."""
_REST_S = 1.0
"""How long notices are not listened to after the last look: a container at its limit causes many of them on v2."""
_LONGEST_REST_S = 60.0
"""What the rest doubles up to while each series of looks finds more: a loop of kills costs the host next to nothing."""


class OomCounter:
    """Counts the processes of a container that the OOM killer has ended. ``path`` is the kernel's file, or ""."""

    __slots__ = ("_counter_fd", "_due", "_is_v1", "_looks", "_notice_fd", "_rest_s", "_seen", "kills")

    def __init__(self, path: str) -> None:
        self.kills = 0
        self._seen = 0
        self._rest_s = _REST_S
        self._counter_fd = self._notice_fd = -1
        self._is_v1 = path.endswith("/memory.oom_control")
        self._looks: list[float] = []
        self._due: float | None = None
        try:
            if path:
                self._open(path)
        except OSError:  # it has ended already and its cgroup is gone, or this kernel tells nobody
            self.close()
        self.look()

    def _open(self, path: str) -> None:
        self._counter_fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        self._notice_fd = self._counter_fd
        if self._is_v1:
            self._notice_fd = posix.eventfd(0, posix.EFD_CLOEXEC | posix.EFD_NONBLOCK)
            folder = path.rpartition("/")[0]
            control_fd = posix.open(f"{folder}/cgroup.event_control", posix.O_WRONLY | posix.O_CLOEXEC)
            try:
                posix.write(control_fd, f"{self._notice_fd} {self._counter_fd}".encode())
            finally:
                posix.close(control_fd)

    def interest(self) -> Interest | None:
        """Return what to wait for next, or None: there is nothing to hear of, or it is looked at again anyway."""
        if self._notice_fd < 0 or self._due is not None:
            return None
        return self._notice_fd, select.POLLIN if self._is_v1 else select.POLLPRI, self._take_notice

    def due(self) -> float | None:
        """Return when, on the monotonic clock, ``act`` wants to be called, or None."""
        return self._due

    def act(self) -> None:
        """Look again if it is time for that."""
        if self._due is None or time.monotonic() < self._due:
            return
        self.look()
        self._due = self._looks.pop(0) if self._looks else None

    def look(self) -> None:
        """Take the count as it is now."""
        if self._counter_fd < 0:
            return
        try:
            text = posix.pread(self._counter_fd, 4096, 0)
        except OSError:  # ENODEV: the cgroup is gone
            return
        for line in text.splitlines():
            if line.startswith(b"oom_kill "):
                self.kills = int(line[9:])

    def _take_notice(self) -> None:
        if self._is_v1:
            posix.read(self._notice_fd, 8)
        self.look()
        # Since the last notice there were more, or not.
        self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S) if self._seen < self.kills and self._seen else _REST_S
        self._seen = self.kills
        now = time.monotonic()
        self._looks = [now + after_s for after_s in (*_LOOKS_S, _LOOKS_S[-1] + self._rest_s)]
        self._due = self._looks.pop(0)
        self.act()

    def close(self) -> None:
        """Close the descriptors."""
        for fd in {self._counter_fd, self._notice_fd} - {-1}:
            posix.close(fd)
        self._counter_fd = self._notice_fd = -1
