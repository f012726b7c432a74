"""Writing a file that others read at any time: they find the old one or the new one, and each is whole."""

from __future__ import annotations

import errno
import os
import stat

_MODE = 0o644


def write(target: str, text: str) -> None:
    """Put a text into a file that everybody may read, in place of an earlier one.

    Raises:
        OSError: there is no room or no right, or something stands there that is not a plain file (EEXIST): it may be a
            device, or lead anywhere. Then what was there is as it was.
    """
    _check(target)
    # Beside the target, because a rename must not cross file systems. What an earlier process of our number left, goes.
    unfinished = f"{target}.{os.getpid()}.new"
    _remove(unfinished)
    try:
        _fill(unfinished, text.encode("utf-8", "backslashreplace"))
        os.rename(unfinished, target)
    except BaseException:
        _remove(unfinished)
        raise
    _sync(os.path.dirname(target) or ".")


def _check(target: str) -> None:
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "it is there and no plain file", target)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def _fill(path: str, content: bytes) -> None:
    file_fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(file_fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file_fd, _MODE)  # whatever the umask is
        os.fsync(file_fd)


def _sync(folder: str) -> None:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)
