"""One stream of a container's output: from its pipe to the log and, while somebody is attached, to that client.

A client that reads slowly holds the container back, as a pipe would, and loses nothing; one that is gone is
forgotten. This module is loaded by the watch: built-in modules only, and nothing after the container runs.
"""

from __future__ import annotations

import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.runtime.shim.log import Log

    Interest = tuple[int, int, Callable[[], object]]
    """A descriptor, the events of poll(2) that are waited for, and what to do when they come."""

CHUNK_BYTES = 65536


def milliseconds_to(deadline: float | None) -> int | None:
    """Return how long poll(2) may wait for a moment of the monotonic clock; it takes an int, so at most an hour."""
    return None if deadline is None else min(max(0, int((deadline - time.monotonic()) * 1000) + 1), 3_600_000)


class Pump:
    """Moves bytes of one stream. ``source_fd`` and ``client_fd`` are -1 once they have ended."""

    __slots__ = ("client_fd", "log", "name", "pending", "source_fd")

    def __init__(self, name: str, source_fd: int, client_fd: int, log: Log | None) -> None:
        self.name = name
        self.source_fd = source_fd
        self.client_fd = client_fd
        self.log = log
        self.pending = b""
        posix.set_blocking(source_fd, False)
        if client_fd >= 0:
            posix.set_blocking(client_fd, False)

    def interest(self) -> Interest | None:
        """Return what to wait for next: room at the client, and the container waits meanwhile; else more output."""
        if self.pending:
            return self.client_fd, select.POLLOUT, self.push
        return (self.source_fd, select.POLLIN, self.pull) if self.source_fd >= 0 else None

    def pull(self) -> bool:
        """Take one chunk from the container. Returns whether there may be more right now."""
        try:
            chunk = posix.read(self.source_fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            posix.close(self.source_fd)
            self.source_fd = -1
            return False
        if self.log is not None:
            self.log.write(self.name, chunk)
        if self.client_fd >= 0:
            self.pending += chunk
            self.push()
        return True

    def push(self) -> None:
        """Give the client what it takes without waiting."""
        try:
            while self.pending:
                self.pending = self.pending[posix.write(self.client_fd, self.pending) :]
        except BlockingIOError:
            return
        except OSError:  # EPIPE: the client has gone; the container does not care
            self.pending = b""
            self.drop_client()

    def drop_client(self) -> None:
        """Let the client see the end of the stream, or forget one that has gone."""
        if self.client_fd >= 0:
            posix.close(self.client_fd)
            self.client_fd = -1


class Feed:
    """Moves bytes from a client to the container's standard input. Both ends are -1 once closed."""

    __slots__ = ("pending", "sink_fd", "source_fd")

    def __init__(self, source_fd: int, sink_fd: int) -> None:
        self.source_fd = source_fd
        self.sink_fd = sink_fd
        self.pending = b""
        posix.set_blocking(source_fd, False)
        posix.set_blocking(sink_fd, False)

    def interest(self) -> Interest | None:
        """Return what to wait for next: room in the container's input, else more from the client, else nothing."""
        if self.sink_fd < 0:
            return None
        if self.pending:
            return self.sink_fd, select.POLLOUT, self.push
        return (self.source_fd, select.POLLIN, self.pull) if self.source_fd >= 0 else None

    def pull(self) -> None:
        """Take one chunk from the client; its end is the container's end of input."""
        try:
            chunk = posix.read(self.source_fd, CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            posix.close(self.source_fd)
            self.source_fd = -1
        self.pending += chunk
        self.push()

    def push(self) -> None:
        """Give the container what it takes without waiting."""
        try:
            while self.pending:
                self.pending = self.pending[posix.write(self.sink_fd, self.pending) :]
        except BlockingIOError:
            return
        except OSError:  # EPIPE: the container has closed its input
            self.pending = b""
            if self.source_fd >= 0:
                posix.close(self.source_fd)
                self.source_fd = -1
        if self.source_fd < 0 and self.sink_fd >= 0:
            posix.close(self.sink_fd)
            self.sink_fd = -1
