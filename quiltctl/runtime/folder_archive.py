"""A folder as the archive it would be: the same content gives the same bytes, so a folder has a digest too.

Sorted, with times, owners, attributes and hard links; nothing is followed, and what is mounted below stays out.
Sockets and device nodes are left out, as when an archive is unpacked.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager

from quiltctl.errors import ImageError
from quiltctl.runtime import tar
from quiltctl.runtime.linux.files import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from quiltctl.runtime.pax import is_kept
from quiltctl.runtime.tar_write import encode_header, padding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_RESOLVE_NO_XDEV = 0x01
_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | _RESOLVE_NO_XDEV
_KINDS = {
    stat.S_IFDIR: tar.DIRECTORY,
    stat.S_IFREG: tar.REGULAR,
    stat.S_IFLNK: tar.SYMLINK,
    stat.S_IFIFO: tar.FIFO,
}
_CHUNK = 1 << 20


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """Open a folder for the time of the block."""
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder_fd
    finally:
        os.close(folder_fd)


def chunks(root_fd: int) -> Iterator[bytes]:
    """Yield the bytes of the archive.

    Raises:
        ImageError: a file became shorter while it was read.
        OSError: something cannot be read; its filename is the name below the folder.
    """
    links: dict[tuple[int, int], bytes] = {}
    waiting = [b"."]
    while waiting:
        folder = waiting.pop()
        folder_fd = _open_folder(root_fd, folder)
        if folder_fd is None:
            yield encode_header(_member(folder, os.stat(folder, dir_fd=root_fd, follow_symlinks=False)))
            continue
        try:
            yield encode_header(_member(folder, os.fstat(folder_fd), _xattrs(folder_fd)))
            below = []
            for name in sorted(os.fsencode(name) for name in os.listdir(folder_fd)):
                found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    below.append(folder + b"/" + name)
                elif stat.S_IFMT(found.st_mode) in _KINDS:
                    yield from _entry(folder_fd, name, folder + b"/" + name, found, links)
        finally:
            os.close(folder_fd)
        waiting.extend(reversed(below))
    yield tar.END * 2


def _open_folder(root_fd: int, folder: bytes) -> int | None:
    """Open a folder, or return None when something is mounted there."""
    try:
        return openat2(root_fd, folder, os.O_RDONLY | os.O_DIRECTORY, resolve=_RESOLVE)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return None
        error.filename = tar.shown(folder)
        raise


def _entry(
    folder_fd: int, name: bytes, path: bytes, found: os.stat_result, links: dict[tuple[int, int], bytes]
) -> Iterator[bytes]:
    """Yield the bytes of what is no folder: a file, a link or a named pipe."""
    identity = (found.st_dev, found.st_ino)
    if identity in links:
        yield encode_header(tar.Member(path, tar.HARDLINK, 0, 0, 0, 0, links[identity]))
        return
    if found.st_nlink > 1:
        links[identity] = path
    if not stat.S_ISREG(found.st_mode):
        link = os.readlink(name, dir_fd=folder_fd) if stat.S_ISLNK(found.st_mode) else b""
        yield encode_header(_member(path, found, link=link))
        return
    try:
        file_fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError as error:
        error.filename = tar.shown(path)
        raise
    try:
        found = os.fstat(file_fd)
        if not stat.S_ISREG(found.st_mode):
            raise ImageError(f"{tar.shown(path)} was replaced while it was read", hint="try again")
        yield encode_header(_member(path, found, _xattrs(file_fd)))
        yield from _content(file_fd, found.st_size, path)
    finally:
        os.close(file_fd)


def _content(file_fd: int, size: int, path: bytes) -> Iterator[bytes]:
    left = size
    while left:
        chunk = os.read(file_fd, min(left, _CHUNK))
        if not chunk:
            raise ImageError(f"{tar.shown(path)} became shorter while it was read", hint="try again")
        left -= len(chunk)
        yield chunk
    if end := padding(size):
        yield end


def _member(
    path: bytes, found: os.stat_result, xattrs: tuple[tuple[str, bytes], ...] = (), *, link: bytes = b""
) -> tar.Member:
    kind = _KINDS[stat.S_IFMT(found.st_mode)]
    return tar.Member(
        name=path + b"/" if kind == tar.DIRECTORY else path,
        kind=kind,
        mode=found.st_mode & 0o7777,
        uid=found.st_uid,
        gid=found.st_gid,
        mtime_ns=found.st_mtime_ns,
        link=link,
        stored_bytes=found.st_size if kind == tar.REGULAR else 0,
        xattrs=xattrs,
    )


def _xattrs(fd: int) -> tuple[tuple[str, bytes], ...]:
    try:
        names = sorted(os.listxattr(fd))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise
    return tuple((name, os.getxattr(fd, name)) for name in names if is_kept(os.fsencode(name)))
