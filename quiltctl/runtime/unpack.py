"""Unpacking an archive that nobody vouches for into a folder.

Each member is made by descriptor, in a parent that openat2(2) finds with RESOLVE_IN_ROOT: links that the archive
brought lead where they would lead with the folder as ``/`` (so ``bin -> usr/bin`` and then ``bin/sh`` work, as in
docker), and no name leads out. The last part of a name is never followed. A later member takes the place of an
earlier one with its name, whatever that was.
"""

from __future__ import annotations

import os
import stat

from quiltctl.errors import ImageError
from quiltctl.model.value import Value
from quiltctl.runtime import tar
from quiltctl.runtime.linux.files import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2
from quiltctl.runtime.members import members
from quiltctl.runtime.parents import Parents
from quiltctl.runtime.tree import remove_tree
from quiltctl.runtime.unpack_file import write_content, write_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from quiltctl.runtime.archive import Archive

    _Made = TypeVar("_Made")

MOST_MEMBERS = 4_000_000
HIGHEST_ID = 65_535
"""A container has a range of 65,536 ids; what is above has no place in it."""
MOST_REMEMBERED_BYTES = 512 << 20
"""Memory for the names of folders and devices. A tree of a million folders takes half of it."""
_MOST_PATH = 4095
_BESIDE_A_NAME = 200
"""What Python needs to keep it."""
_WHITEOUT = b".wh."
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Unpacked(Value):
    """What came out of an archive."""

    files: int
    """Members of every kind, without the devices."""
    size_bytes: int
    """The content of all regular files, without holes."""
    skipped_devices: int


def unpack(archive: Archive, root_fd: int) -> Unpacked:
    """Unpack all members into an empty folder. Device nodes are left out: a container gets a /dev of its own.

    Raises:
        ImageError: the archive is damaged, or holds what cannot be in a root filesystem.
        OSError: the file system refused, for example because it is full; its filename is the member's name.
    """
    unpacking = _Unpacking(archive, root_fd)
    try:
        for member in members(archive):
            try:
                unpacking.add(member)
            except OSError as error:
                error.filename, error.filename2 = tar.shown(member.name), None
                raise
    finally:
        unpacking.parents.close()
    unpacking.set_times_of_folders()
    return Unpacked(unpacking.files, unpacking.size_bytes, len(unpacking.devices))


def clean_name(name: bytes) -> bytes:
    """Return a member's name without ``/`` before it, ``.`` and ``//`` in it; the root folder is empty.

    Raises:
        ImageError: it has ``..`` in it, or is longer than any path may be.
    """
    parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
    if b".." in parts:
        raise ImageError(f"{tar.shown(name)} leads out of the root filesystem")
    if len(name) > _MOST_PATH:
        raise ImageError(f"{tar.shown(name)} is longer than the {_MOST_PATH} bytes that a path may have")
    return b"/".join(parts)


class _Unpacking:
    """What is remembered from one member to the next."""

    def __init__(self, archive: Archive, root_fd: int) -> None:
        self.archive = archive
        self.root_fd = root_fd
        self.parents = Parents(root_fd)
        self.members = 0
        self.files = 0
        self.size_bytes = 0
        self.remembered_bytes = 0
        self.devices: set[bytes] = set()
        self.times: dict[bytes, int] = {}
        """Of folders: set at the end, for each file that is added changes them."""

    def add(self, member: tar.Member) -> None:
        """Make one member."""
        path = clean_name(member.name)
        self._check(member, path)
        folder, _, name = path.rpartition(b"/")
        parent_fd = self.parents.open(folder)
        if member.kind in {tar.CHARACTER_DEVICE, tar.BLOCK_DEVICE}:
            self._clear(parent_fd, name)
            self._leave_out(path)
            return
        self.files += 1
        if member.kind == tar.DIRECTORY:
            if path not in self.times:
                self._remember(path)
            self.times[path] = member.mtime_ns
            self._add_folder(parent_fd, name, member)
        elif member.kind == tar.HARDLINK:
            self._add_hardlink(parent_fd, name, member)
        elif member.kind == tar.REGULAR:
            self._add_file(parent_fd, name, member)
        else:
            self._add_special(parent_fd, name, member)

    def set_times_of_folders(self) -> None:
        """Give the folders the times that the archive has for them."""
        for path, mtime_ns in self.times.items():
            try:
                folder_fd = openat2(
                    self.root_fd, path or b".", _FOLDER, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                )
            except OSError:
                continue  # a later member took its place
            os.utime(folder_fd, ns=(mtime_ns, mtime_ns))
            os.close(folder_fd)

    def _check(self, member: tar.Member, path: bytes) -> None:
        self.members += 1
        if self.members + self.parents.made > MOST_MEMBERS:
            raise ImageError(f"the archive has more than {MOST_MEMBERS} members")
        if not path and member.kind != tar.DIRECTORY:
            raise ImageError(f"{tar.shown(member.name)} is the root folder's name and not a folder")
        if b"/" + _WHITEOUT in b"/" + path:
            raise ImageError(
                f"{tar.shown(member.name)} is a mark of deletion: this is one layer of an image, no root filesystem",
                hint="export the whole file system, for example with: podman export CONTAINER",
            )
        if max(member.uid, member.gid) > HIGHEST_ID:
            raise ImageError(
                f"{tar.shown(member.name)} belongs to {member.uid}:{member.gid}, and a container has no id"
                f" above {HIGHEST_ID}",
                hint="give it another owner, with chown or with tar's --owner and --group;"
                " or make the archive inside the user namespace that it comes from",
            )

    def _leave_out(self, path: bytes) -> None:
        """Count a device that is not made, and know it when a hard link comes to it."""
        if path not in self.devices:
            self._remember(path)
            self.devices.add(path)

    def _remember(self, name: bytes) -> None:
        self.remembered_bytes += len(name) + _BESIDE_A_NAME
        if self.remembered_bytes > MOST_REMEMBERED_BYTES:
            raise ImageError(
                f"the names of its folders and devices take more than {MOST_REMEMBERED_BYTES >> 20} MiB of memory"
            )

    def _add_folder(self, parent_fd: int, name: bytes, member: tar.Member) -> None:
        if name:
            try:
                os.mkdir(name, 0o700, dir_fd=parent_fd)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode):
                    self._clear(parent_fd, name)
                    os.mkdir(name, 0o700, dir_fd=parent_fd)
        folder_fd = os.open(name or b".", _FOLDER, dir_fd=parent_fd)
        try:
            write_facts(folder_fd, member)
        finally:
            os.close(folder_fd)

    def _add_file(self, parent_fd: int, name: bytes, member: tar.Member) -> None:
        file_fd = self._replacing(parent_fd, name, lambda: os.open(name, _NEW_FILE, 0o600, dir_fd=parent_fd))
        try:
            write_content(file_fd, member, self.archive)
            write_facts(file_fd, member)
            os.utime(file_fd, ns=(member.mtime_ns, member.mtime_ns))
        finally:
            os.close(file_fd)
        self.size_bytes += member.stored_bytes

    def _add_special(self, parent_fd: int, name: bytes, member: tar.Member) -> None:
        """Make a symbolic link or a named pipe, neither of which is opened."""
        if member.kind == tar.SYMLINK:
            self._replacing(parent_fd, name, lambda: os.symlink(member.link, name, dir_fd=parent_fd))
        else:
            self._replacing(parent_fd, name, lambda: os.mkfifo(name, 0o600, dir_fd=parent_fd))
        os.chown(name, member.uid, member.gid, dir_fd=parent_fd, follow_symlinks=False)
        if member.kind == tar.FIFO:
            os.chmod(name, member.mode, dir_fd=parent_fd)
        os.utime(name, ns=(member.mtime_ns, member.mtime_ns), dir_fd=parent_fd, follow_symlinks=False)

    def _add_hardlink(self, parent_fd: int, name: bytes, member: tar.Member) -> None:
        target = clean_name(member.link)
        if target in self.devices:
            self._clear(parent_fd, name)
            self._leave_out(clean_name(member.name))
            self.files -= 1
            return
        folder, _, target_name = target.rpartition(b"/")
        try:
            target_fd = self.parents.find(folder)
        except FileNotFoundError:
            raise _missing(member) from None
        try:
            # A second name of the same file, reached by two ways: removing the first would remove the only one.
            if not _same(target_fd, target_name or b".", parent_fd, name):
                self._replacing(parent_fd, name, lambda: _link(target_fd, target_name, parent_fd, name))
        except FileNotFoundError:
            raise _missing(member) from None
        finally:
            os.close(target_fd)

    def _replacing(self, parent_fd: int, name: bytes, make: Callable[[], _Made]) -> _Made:
        """Make something new; when the name is taken, remove what has it first."""
        try:
            return make()
        except FileExistsError:
            self._clear(parent_fd, name)
            return make()

    def _clear(self, parent_fd: int, name: bytes) -> None:
        remove_tree(name, dir_fd=parent_fd)
        self.parents.forget()


def _link(target_fd: int, target: bytes, parent_fd: int, name: bytes) -> None:
    """Make a hard link to what is there, also when that is a symbolic link: linkat(2) without AT_SYMLINK_FOLLOW."""
    os.link(target, name, src_dir_fd=target_fd, dst_dir_fd=parent_fd, follow_symlinks=False)


def _same(one_fd: int, one: bytes, other_fd: int, other: bytes) -> bool:
    """Return whether two names are of one file. FileNotFoundError when the first does not exist."""
    found = os.stat(one, dir_fd=one_fd, follow_symlinks=False)
    try:
        taken = os.stat(other, dir_fd=other_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (taken.st_dev, taken.st_ino)


def _missing(member: tar.Member) -> ImageError:
    return ImageError(
        f"{tar.shown(member.name)} is a link to {tar.shown(member.link)}, which is not before it in the archive"
    )
