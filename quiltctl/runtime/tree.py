"""Removing and measuring a directory tree that somebody hostile may have made.

No link is followed and no mount is crossed. However deep the tree is, one descriptor is open at a time and nothing
recurses: a container can nest folders deeper than any path or limit of descriptors reaches. So the way up is ``..``,
and what is found there has to be the folder that was left.
"""

from __future__ import annotations

import errno
import os
import stat

from quiltctl.runtime.linux.files import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_RESOLVE_NO_XDEV = 0x01  # linux/openat2.h; it also refuses a bind mount of the same file system
_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | _RESOLVE_NO_XDEV
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_SECTOR = 512
"""stat(2): st_blocks counts these, whatever the file system's block size."""


def remove_tree(path: str | bytes, *, dir_fd: int | None = None) -> None:
    """Remove whatever is at ``path``, as seen from ``dir_fd``: a file, a link itself, or a folder with all it holds.

    What is not there is removed already. Folders of mode 000 are no obstacle for their owner.

    Raises:
        OSError: something refused to go (a mount point: EXDEV or EBUSY); what was removed before is gone.
    """
    folder, _, name = os.fsencode(path).rstrip(b"/").rpartition(b"/")
    above = folder or (b"/" if os.fsencode(path).startswith(b"/") else b".")
    try:
        parent_fd = os.open(above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    except FileNotFoundError:
        return
    try:
        _remove_below(parent_fd, name)
    finally:
        os.close(parent_fd)


def _remove_below(parent_fd: int, name: bytes) -> None:
    try:
        mode = os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(name, dir_fd=parent_fd)
        return
    _walk(_enter(parent_fd, name, unlock=True), _unlink_files, _remove_folder)
    os.rmdir(name, dir_fd=parent_fd)


def tree_size(path: str) -> int:
    """Return how many bytes on disk a folder and all below it take; of several hard links one counts.

    Raises:
        OSError: it cannot be read. What lies on another mount is not looked at.
    """
    seen: set[tuple[int, int]] = set()
    total = 0

    def measure(folder_fd: int) -> list[bytes]:
        nonlocal total
        folders = []
        total += os.fstat(folder_fd).st_blocks * _SECTOR
        for name in os.listdir(folder_fd):
            found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                folders.append(os.fsencode(name))
            elif found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * _SECTOR
        return folders

    _walk(os.open(path, _FOLDER | os.O_NOFOLLOW), measure, None)
    return total


def _walk(folder_fd: int, visit: Callable[[int], list[bytes]], leave: Callable[[int, bytes], object] | None) -> None:
    """Visit a folder and, depth first, those that ``visit`` returns; close the descriptor.

    ``leave`` is called with the parent's descriptor and the name of each folder that is done, but not for the first.
    """
    above: list[tuple[tuple[int, int], bytes, list[bytes]]] = []
    try:
        waiting = visit(folder_fd)
        while waiting or above:
            if waiting:
                name = waiting.pop()
                try:
                    child_fd = _enter(folder_fd, name, unlock=leave is not None)
                except OSError as error:
                    if leave is None and error.errno == errno.EXDEV:  # a mount
                        continue
                    raise
                above.append((_identity(folder_fd), name, waiting))
                os.close(folder_fd)
                folder_fd = child_fd
                waiting = visit(folder_fd)
            else:
                identity, name, waiting = above.pop()
                folder_fd = _climb(folder_fd, identity)
                if leave is not None:
                    leave(folder_fd, name)
    finally:
        os.close(folder_fd)


def _climb(folder_fd: int, identity: tuple[int, int]) -> int:
    """Close a folder and return its parent, opened, when it is the one we came from."""
    parent_fd = os.open("..", _FOLDER, dir_fd=folder_fd)
    if _identity(parent_fd) != identity:
        os.close(parent_fd)
        raise OSError(errno.ESTALE, "a folder was moved away while its tree was walked")
    os.close(folder_fd)
    return parent_fd


def _identity(folder_fd: int) -> tuple[int, int]:
    found = os.fstat(folder_fd)
    return found.st_dev, found.st_ino


def _enter(parent_fd: int, name: bytes, *, unlock: bool) -> int:
    """Open a folder that lies right in another; with ``unlock`` one that its owner may not read is made readable."""
    try:
        return openat2(parent_fd, name, _FOLDER, resolve=_RESOLVE)
    except PermissionError:
        if not unlock:
            raise
        locked_fd = openat2(parent_fd, name, os.O_PATH | os.O_DIRECTORY, resolve=_RESOLVE)
        try:
            # fchmod refuses an O_PATH descriptor; its name in /proc leads to the very same folder.
            os.chmod(f"/proc/self/fd/{locked_fd}", 0o700)
        finally:
            os.close(locked_fd)
        return openat2(parent_fd, name, _FOLDER, resolve=_RESOLVE)


def _unlink_files(folder_fd: int) -> list[bytes]:
    """Unlink all that is no folder, and return the names of the folders."""
    with os.scandir(folder_fd) as found:
        entries = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        if not is_folder:
            _writable(folder_fd, os.unlink, name)
    return [name for name, is_folder in entries if is_folder]


def _remove_folder(parent_fd: int, name: bytes) -> None:
    _writable(parent_fd, os.rmdir, name)


def _writable(folder_fd: int, act: Callable[..., None], name: bytes) -> None:
    """Act on a name in a folder; when the folder's mode forbids it, change the mode and act again."""
    try:
        act(name, dir_fd=folder_fd)
    except PermissionError:
        os.fchmod(folder_fd, 0o700)
        act(name, dir_fd=folder_fd)
