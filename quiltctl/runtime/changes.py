"""Being woken when the database has changed, asleep in between."""

from __future__ import annotations

import os
import time

from quiltctl.runtime.linux import inotify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from quiltctl.paths import Paths

_CHANGES = inotify.IN_MODIFY | inotify.IN_CREATE
_LONGEST_WAIT_MS = 24 * 3600 * 1000  # poll(2) counts milliseconds in an int
_LATER_LOOKS_MS = (5, 50, 500)
"""A writer writes to quilt.db-wal, which wakes us, and only then to the index that makes it visible, which does not:
that is shared memory. It can be put to sleep in between, so there is another look, and another."""


def changes(paths: Paths, *, until_ns: int | None = None, output_fd: int | None = None) -> Iterator[None]:
    """Yield at once and then whenever the database may have changed; for ever, or until a moment.

    The root may still be missing: its making is a change.

    Raises:
        BrokenPipeError: nobody reads ``output_fd`` any more, which would else be noticed by the next write only.
    """
    from select import POLLIN, poll

    with inotify.opened() as inotify_fd:
        waiting = poll()
        waiting.register(inotify_fd, POLLIN)
        if output_fd is not None:
            waiting.register(output_fd, 0)
        later_looks: tuple[int, ...] = ()
        while True:
            _watch(inotify_fd, paths.root)
            yield
            left_ms = _left_ms(until_ns)
            if left_ms == 0:
                return
            ready = [fd for fd, _ in waiting.poll(min(left_ms, *later_looks[:1]) if later_looks else left_ms)]
            if output_fd in ready:
                raise BrokenPipeError
            later_looks = _LATER_LOOKS_MS if inotify_fd in ready else later_looks[1:]
            inotify.drain(inotify_fd)


def _watch(inotify_fd: int, folder: str) -> None:
    """Watch a folder, or as much of the way to it as there is."""
    try:
        inotify.watch(inotify_fd, folder, _CHANGES)
    except FileNotFoundError:
        _watch(inotify_fd, os.path.dirname(folder))
        try:
            inotify.watch(inotify_fd, folder, _CHANGES)  # it may have been made between the two
        except FileNotFoundError:
            return


def _left_ms(until_ns: int | None) -> int:
    if until_ns is None:
        return _LONGEST_WAIT_MS
    return max(min(-(-(until_ns - time.time_ns()) // 1_000_000), _LONGEST_WAIT_MS), 0)
