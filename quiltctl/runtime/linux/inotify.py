"""Being told when files change (inotify(7)), so that nobody has to look again and again."""

from __future__ import annotations

import errno
import os

from quiltctl.errors import HostLacks
from quiltctl.runtime.linux.libc import failed, libc

# sys/inotify.h
IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_CREATE = 0x100
IN_DELETE = 0x200
_EVENTS_BYTES = 64 << 10


class opened:  # noqa: N801 (it is used as a function would be; contextlib costs 5 ms to import)
    """Give a descriptor that becomes readable when something happens to what it watches, and close it afterwards.

    Raises:
        HostLacks: this user's instances are used up.
    """

    def __enter__(self) -> int:
        self._fd = _open()
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def watch(inotify_fd: int, path: str, mask: int) -> None:
    """Watch a file, or a folder and what lies directly in it, for the events of ``mask``.

    Raises:
        HostLacks: this user's watches are used up.
        OSError: it is not there.
    """
    if libc.inotify_add_watch(inotify_fd, os.fsencode(path), mask) >= 0:
        return
    error = failed("inotify_add_watch", path)
    if error.errno == errno.ENOSPC:  # inotify_add_watch(2): the limit of watches, not the disk
        raise HostLacks(
            "cannot watch for changes: all inotify watches of this user are in use",
            hint="raise the limit with: sysctl fs.inotify.max_user_watches=524288",
        ) from error
    raise error


def drain(inotify_fd: int) -> None:
    """Take all events that wait, unread: whoever was woken looks for itself."""
    try:
        while os.read(inotify_fd, _EVENTS_BYTES):
            continue
    except BlockingIOError:
        return


def _open() -> int:
    inotify_fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if inotify_fd >= 0:
        return inotify_fd
    error = failed("inotify_init1")
    if error.errno == errno.EMFILE:
        raise HostLacks(
            "cannot watch for changes: all inotify instances of this user are in use",
            hint="raise the limit with: sysctl fs.inotify.max_user_instances=1024",
        ) from error
    raise error
