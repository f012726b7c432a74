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

_PATIENCE_MS = 1000
_MOST_PADDING = 1 << 20
_MOST_FDS = 1 << 20
_PIECE = 4096


def write_all(files: Sequence[tuple[str, bytes]]) -> None:
    """Write texts to files that are there; those that cannot be written now are left as they are.

    At which the writer makes no progress for a second, the next one begins behind it. It ends by itself, and writes
    no further file.

    Raises:
        OSError: no process can be made.
    """
    begin = 0
    while begin < len(files):
        begin += _write_some(files[begin:])


def _write_some(files: Sequence[tuple[str, bytes]]) -> int:
    """Have a new process write files. Returns how many it is through with, that at which it got stuck included."""
    told_fd, tell_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        _write_and_end(files, tell_fd)
    os.close(tell_fd)
    waiting = select.poll()
    waiting.register(told_fd, select.POLLIN)
    through = 0
    try:
        while waiting.poll(_PATIENCE_MS):
            told = os.read(told_fd, _PIECE)
            if not told:
                os.waitpid(pid, 0)
                break
            through += len(told)
    finally:
        # Whom nobody hears any more ends at its next word.
        os.close(told_fd)
    return min(through + 1, len(files))


def _write_and_end(files: Sequence[tuple[str, bytes]], tell_fd: int) -> None:
    """Write files, and tell of each. This process keeps nothing open by which anybody else could have to wait."""
    try:
        os.closerange(0, tell_fd)
        os.closerange(tell_fd + 1, _MOST_FDS)
        for path, text in files:
            write(path, text)
            os.write(tell_fd, b".")
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
