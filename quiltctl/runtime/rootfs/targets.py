"""Finding the places of a root by descriptor, so that nothing the image has planted leads anywhere else."""

from __future__ import annotations

import os

from quiltctl.runtime.linux import files


def open_directory(root_fd: int, path: str) -> int:
    """Return a directory of the root, made where the image lacks it. No link is followed on the way.

    Raises:
        OSError: ELOOP when a link stands there, ENOTDIR when another file does.
    """
    flags = os.O_PATH | os.O_DIRECTORY
    try:
        return files.openat2(root_fd, path, flags, resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
    except FileNotFoundError:
        parent, _, name = path.rpartition("/")
        parent_fd = open_directory(root_fd, parent) if parent else os.dup(root_fd)
        os.mkdir(name, 0o755, dir_fd=parent_fd)
        made_fd = files.openat2(parent_fd, name, flags | os.O_NOFOLLOW, resolve=files.RESOLVE_NO_SYMLINKS)
        os.close(parent_fd)
        return made_fd


def find_folder(root_fd: int, path: str) -> int:
    """Return a directory of the root. Links are followed within the root, but for those of /proc/PID.

    One that leads to what a process of ours has open would lead out of the root.

    Raises:
        OSError: it is not there, or no directory; ELOOP when such a link stands there.
    """
    resolve = files.RESOLVE_IN_ROOT | files.RESOLVE_NO_MAGICLINKS
    return files.openat2(root_fd, path, os.O_PATH | os.O_DIRECTORY, resolve=resolve)


def open_folder(root_fd: int, path: str) -> int:
    """Return a directory of the root as ``find_folder`` does, made where the image lacks it."""
    try:
        return find_folder(root_fd, path)
    except FileNotFoundError:
        names = path.split("/")
    for place, name in enumerate(names):
        parent_fd = find_folder(root_fd, f"/{'/'.join(names[:place])}")
        try:
            if name:
                os.mkdir(name, 0o755, dir_fd=parent_fd)
        except FileExistsError:
            continue
        finally:
            os.close(parent_fd)
    return find_folder(root_fd, path)


def open_file(root_fd: int, path: str) -> int:
    """Return a file of the root to mount on, made where the image lacks it. Links are followed within the root.

    A link that leads nowhere, as resolv.conf often is, is replaced by an empty file, in this container alone.
    """
    try:
        return files.openat2(root_fd, path, os.O_PATH, resolve=files.RESOLVE_IN_ROOT)
    except FileNotFoundError:
        parent, _, name = path.rpartition("/")
        parent_fd = open_folder(root_fd, parent)
        _unlink(name, parent_fd)
        made_fd = os.open(
            name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=parent_fd
        )
        os.close(parent_fd)
        return made_fd


def open_kernel_file(root_fd: int, path: str) -> int | None:
    """Return a file of the /proc or /sys that was just mounted, or None where this kernel does not have it."""
    try:
        return files.openat2(root_fd, path, os.O_PATH, resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def _unlink(name: str, parent_fd: int) -> None:
    try:
        os.unlink(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return
