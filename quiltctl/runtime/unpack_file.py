"""Content, owner, mode, attributes and time of one file that comes out of an archive."""

from __future__ import annotations

import errno
import os

from quiltctl.errors import ImageError
from quiltctl.runtime.tar import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.runtime.archive import Archive
    from quiltctl.runtime.tar import Member

_LARGE = 16 << 20


def write_content(file_fd: int, member: Member, archive: Archive) -> None:
    """Write the member's content from the archive into an empty file.

    Raises:
        ImageError: the archive ends before, or more is announced than the disk has room for.
        OSError: the disk is full, or cannot hold a file of that length.
    """
    if member.size_bytes > _LARGE:
        _check_room(file_fd, member)
    if not member.sparse:
        _write(file_fd, member.stored_bytes, archive)
        return
    for offset, length in member.extents:
        os.lseek(file_fd, offset, os.SEEK_SET)
        _write(file_fd, length, archive)
    os.ftruncate(file_fd, member.size_bytes)


def write_facts(file_fd: int, member: Member) -> None:
    """Set owner, mode and attributes of an open file or folder, in the one order that keeps them all.

    chown(2) clears set-user-ID and file capabilities, so the owner comes first. fchmod(2) knows no umask.
    """
    os.fchown(file_fd, member.uid, member.gid)
    os.fchmod(file_fd, member.mode)
    for name, value in member.xattrs:
        try:
            os.setxattr(file_fd, name, value)
        except OSError as error:
            # xattr(7): user.* is an extra that not every file system has; a capability changes what a program may do.
            if error.errno == errno.ENOTSUP and name.startswith("user."):
                continue
            raise ImageError(f"{shown(member.name)} cannot get the attribute {name}: {error.strerror}") from error


def _write(file_fd: int, size: int, archive: Archive) -> None:
    for piece in archive.pieces(size):
        rest = piece
        while rest:
            rest = rest[os.write(file_fd, rest) :]


def _check_room(file_fd: int, member: Member) -> None:
    """Refuse at once what would only fail when the disk is full, and a file of holes that no disk could ever hold."""
    disk = os.fstatvfs(file_fd)
    free = disk.f_bavail * disk.f_frsize
    if member.size_bytes > free:
        raise ImageError(
            f"{shown(member.name)} is {member.size_bytes} bytes long, and only {free} are free on the disk"
        )
