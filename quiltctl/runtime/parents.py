"""The folder that a member of an archive belongs in, found as it would be with the destination as ``/``."""

from __future__ import annotations

import os

from quiltctl.errors import ImageError
from quiltctl.runtime.linux.files import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2
from quiltctl.runtime.tar import shown

_RESOLVE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


class Parents:
    """Opens parents, and keeps the one used last: most members lie beside the one before."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._folder: bytes | None = None
        self._folder_fd = -1
        self.made = 0
        """Folders that no member had announced."""

    def open(self, folder: bytes) -> int:
        """Return a descriptor of ``folder``, made when it is missing. It is good until the next call.

        Raises:
            ImageError: a link on the way leads nowhere.
            OSError: something on the way is no folder.
        """
        if folder != self._folder:
            try:
                found_fd = self.find(folder)
            except FileNotFoundError:
                found_fd = self._make(folder)
            self.close()
            self._folder, self._folder_fd = folder, found_fd
        return self._folder_fd

    def find(self, folder: bytes) -> int:
        """Return a new descriptor of a folder that exists. FileNotFoundError when it does not."""
        return openat2(self._root_fd, folder or b".", os.O_PATH | os.O_DIRECTORY, resolve=_RESOLVE)

    def forget(self) -> None:
        """Look anew next time: something that may have been on the way was removed."""
        self._folder = None

    def close(self) -> None:
        """Close the folder that is kept open."""
        if self._folder_fd >= 0:
            os.close(self._folder_fd)
        self._folder, self._folder_fd = None, -1

    def _make(self, folder: bytes) -> int:
        """Make what is missing on the way, as mode 0755 of root: the archive may say otherwise later.

        Without recursion: a name has room for two thousand folders, and Python for one thousand calls.
        """
        missing: list[bytes] = []
        found_fd, above = -1, folder
        while found_fd < 0:
            above, _, name = above.rpartition(b"/")
            missing.append(name)
            try:
                found_fd = self.find(above)
            except FileNotFoundError:
                continue
        while missing:
            above_fd = found_fd
            try:
                found_fd = _make_below(above_fd, missing.pop())
            except FileExistsError:
                raise ImageError(f"{shown(folder)} is a link that leads nowhere, and members lie behind it") from None
            finally:
                os.close(above_fd)
            self.made += 1
        return found_fd


def _make_below(above_fd: int, name: bytes) -> int:
    """Make a folder that is not there, and return a descriptor of it."""
    os.mkdir(name, 0o700, dir_fd=above_fd)
    os.chmod(name, 0o755, dir_fd=above_fd)  # noqa: S103 (what tar and docker give)
    return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above_fd)
