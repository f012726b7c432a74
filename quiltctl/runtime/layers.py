"""Layers on disk: staged below ``images/``, renamed whole to ``layers/<digest>``, and renamed back before they go.

So a layer's folder is complete whenever it has its name, and what a killed import or removal left lies in ``images/``
under the name of its dead process. ``locked`` is held from the look at the folders to the end of the transaction
that speaks of them: between the two no other process adds or takes away a layer.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager

from quiltctl.runtime.linux.sync import syncfs
from quiltctl.runtime.liveness import alive, boot_id, start_time
from quiltctl.runtime.tree import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quiltctl.paths import Paths

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DIGEST_LENGTH = 64


@contextmanager
def staged(paths: Paths) -> Iterator[str]:
    """Make an empty folder for one layer, and remove it at the end of the block unless it was published."""
    os.makedirs(paths.images, mode=0o700, exist_ok=True)
    folder = _own_name(paths, "import")
    os.mkdir(folder, 0o700)
    os.chmod(folder, 0o755)  # noqa: S103 (until the archive says otherwise; images/ itself is closed)
    try:
        yield folder
    finally:
        remove_tree(folder)


@contextmanager
def locked(paths: Paths) -> Iterator[None]:
    """Be the only process that adds or removes layers. Held for milliseconds."""
    os.makedirs(paths.images, mode=0o700, exist_ok=True)
    lock_fd = os.open(f"{paths.images}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock_fd)


def settle(folder: str) -> None:
    """Bring a staged layer to the disk: a layer that has its name is whole, also after the power failed."""
    folder_fd = os.open(folder, _FOLDER)
    try:
        syncfs(folder_fd)
    finally:
        os.close(folder_fd)


def publish(paths: Paths, folder: str, digest: str) -> bool:
    """Give a settled layer its name, under the lock. Return False when a layer of this digest is there already."""
    os.makedirs(paths.layers, mode=0o700, exist_ok=True)
    try:
        os.rename(folder, f"{paths.layers}/{digest}")
    except OSError as error:
        # rename(2): another layer is in the place, and not empty; an empty one is replaced by its equal.
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    layers_fd = os.open(paths.layers, _FOLDER)
    try:
        # A row must not outlive a rename that the power's end undid.
        os.fsync(layers_fd)
    finally:
        os.close(layers_fd)
    return True


def retire(paths: Paths, digests: Iterable[str]) -> list[str]:
    """Take layers out of their place, under the lock, and return the folders that ``remove_tree`` may have then."""
    retired = []
    for digest in digests:
        folder = _own_name(paths, "remove")
        try:
            os.rename(f"{paths.layers}/{digest}", folder)
        except FileNotFoundError:
            continue
        retired.append(folder)
    return retired


def published(paths: Paths) -> list[str]:
    """Return the digest of every layer that is on disk, sorted."""
    try:
        names = os.listdir(paths.layers)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if len(name) == _DIGEST_LENGTH)


def abandoned(paths: Paths) -> list[str]:
    """Return the staging folders whose process is dead."""
    try:
        names = os.listdir(paths.images)
    except FileNotFoundError:
        return []
    return [f"{paths.images}/{name}" for name in sorted(names) if not name.startswith(".") and not _is_owned(name)]


def _own_name(paths: Paths, purpose: str) -> str:
    """Return a new name that says whose it is: purpose, pid, start time, boot id, and what makes it unique."""
    pid = os.getpid()
    return f"{paths.images}/{purpose}.{pid}.{start_time(pid)}.{boot_id()}.{os.urandom(4).hex()}"


def _is_owned(name: str) -> bool:
    fields = name.split(".")
    if len(fields) != 5 or not fields[1].isdigit() or not fields[2].isdigit():  # noqa: PLR2004 (as many as _own_name has)
        return False
    return alive(int(fields[1]), int(fields[2]), fields[3])
