"""Writing /etc/hosts of containers that run, in place, while they may do with the file whatever they like.

The file is laid over the container's by a bind mount, so its inode has to stay, and it belongs to the container's
root. That one can hold a lease on it (fcntl(2)), at which an open waits for 45 seconds, and it can write to it for
as long as it likes: the kernel lets one writer in at a time, and the others wait where no signal reaches them. A
write of 1 GiB made a stranger's write of 300 bytes wait for 1.8 seconds. So a process of its own does the writing,
and is left behind where it gets stuck.
"""

from __future__ import annotations

import os
import select
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE_MS = 500
_LEAST_PATIENCE_MS = 10
"""With each file at which it is lost there is less of it: a hundred such files must not hold others up for a minute."""
_MOST_PADDING = 1 << 20
_MOST_FDS = 1 << 20
_NO_FURTHER = 1 << 40


def write_all(files: Sequence[tuple[str, bytes]]) -> None:
    """Write texts to files that are there; those that cannot be written now are left as they are.

    A file at which the writing stands still for up to a second is left to the process that got stuck at it, which
    writes no further one.

    Raises:
        OSError: no process can be made.
    """
    begin, patience_ms = 0, _PATIENCE_MS
    while begin < len(files):
        begin += _write_some(files[begin:], patience_ms)
        patience_ms = max(patience_ms // 5, _LEAST_PATIENCE_MS)


def _write_some(files: Sequence[tuple[str, bytes]], patience_ms: int) -> int:
    """Have a new process write files. Returns how many are done with, that at which it got stuck included.

    The position in an empty file, which both share, is how many it has begun: to tell so costs nobody a wake-up.
    """
    count_fd = os.memfd_create("quiltctl-names")
    ended_fd, alive_fd = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _write_and_end(files, count_fd, alive_fd, parent)
    os.close(alive_fd)
    waiting = select.poll()
    waiting.register(ended_fd, 0)  # POLLHUP comes unasked, poll(2)
    begun = -1
    try:
        while not waiting.poll(patience_ms):
            before, begun = begun, os.lseek(count_fd, 0, os.SEEK_CUR)
            if begun == before:
                break
        else:
            os.waitpid(pid, 0)
            begun = os.lseek(count_fd, 0, os.SEEK_CUR)
    finally:
        os.lseek(count_fd, _NO_FURTHER, os.SEEK_SET)
        os.close(count_fd)
        os.close(ended_fd)
    return max(1, begun)


def _write_and_end(files: Sequence[tuple[str, bytes]], count_fd: int, alive_fd: int, parent: int) -> None:
    """Write files, and count them, while the parent lives: with that one the lock is gone.

    This process keeps nothing open by which anybody else could have to wait.
    """
    try:
        first, last = sorted((count_fd, alive_fd))
        os.closerange(0, first)
        os.closerange(first + 1, last)
        os.closerange(last + 1, _MOST_FDS)
        for path, text in files:
            if os.lseek(count_fd, 1, os.SEEK_CUR) > len(files) or os.getppid() != parent:
                break
            write(path, text)
    finally:
        os._exit(0)


def write(path: str, text: bytes) -> bool:
    """Make a text that ends with a newline the content of a file, which stays the same file.

    Whoever reads meanwhile sees the old text, the new one, or the one's beginning and the other's end, never an
    empty file. What the container has changed is overwritten. Returns whether it was written.
    """
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except OSError:
        return False  # no longer there, a link, or under a lease: BlockingIOError
    try:
        facts = os.fstat(fd)
        return stat.S_ISREG(facts.st_mode) and _replace(fd, text, facts.st_size)
    except OSError:
        return False  # a full disk, or a file that its owner has made immutable
    finally:
        os.close(fd)


def _replace(fd: int, text: bytes, size: int) -> bool:
    """Write the text over what is there, blank lines over what is left of that, and cut those off."""
    blank = size - len(text)
    written = os.pwrite(fd, text + b"\n" * blank if 0 < blank <= _MOST_PADDING else text, 0)
    if written >= len(text):
        os.ftruncate(fd, len(text))
        return True
    # A disk that is full: half a line would be another name or another address.
    os.ftruncate(fd, text.rfind(b"\n", 0, written) + 1)
    return False
