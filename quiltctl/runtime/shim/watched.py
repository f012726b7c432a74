"""What the watch is born with, and what it knows of the container it watches."""

from __future__ import annotations

from quiltctl.runtime.shim.oom import OomCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.runtime.shim.pump import Feed, Pump

# Descriptors (runtime/lifecycle/spawn.py).
ORDER_FD = 0
ANSWER_FD = 1
CLIENT_FDS = (3, 4, 5)
"""The ends that a waiting quiltctl passes: its standard input, and where output and errors go."""
OUTPUT_FD = 6
ERROR_FD = 7
INPUT_FD = 8
"""The container's standard streams."""
READY_FD = 9
"""Where build tells that the program runs."""
FIRST_HELD_FD = 10
"""From here on: the sockets that keep the container's ports from others; then a pidfd of whom it ends with, if any."""
SIGKILL = 9
SIGTERM = 15


class Watched:
    """The first process of the container, its streams, and what has happened to it."""

    __slots__ = (
        *("bound_fd", "deadline", "ended_as", "feed", "freezer", "init_pid", "kill_requested"),
        *("left_alone", "oom", "oom_helper_fd", "oom_noted", "pumps", "stop_requested", "timed_out"),
    )

    def __init__(self) -> None:
        self.init_pid = 0
        self.pumps: list[Pump] = []
        self.feed: Feed | None = None
        self.deadline: float | None = None
        """When, on the monotonic clock, it is killed."""
        self.freezer = ""
        """The file that lets a paused container go on, cgroup.freeze or freezer.state, or nothing."""
        self.oom = OomCounter("")
        self.oom_noted = 0
        self.oom_helper_fd = -1
        """A pidfd of the helper that writes to the database what ``oom`` has counted."""
        self.bound_fd = -1
        """A pidfd of the process with which the container shall end, until that has."""
        self.left_alone = False
        """Whether that has ended."""
        self.stop_requested = self.kill_requested = self.timed_out = False
        self.ended_as: int | None = None
