"""A copy of the database that is whole, or not there."""

from __future__ import annotations

import os
import sqlite3

from quiltctl import errors
from quiltctl.db.connection import open_to_read, translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths


def write(paths: Paths, target: str, *, replace: bool) -> None:
    """Copy the database to ``target``, mode 0600, as it is at one instant, while others write.

    Not VACUUM INTO: what that makes is no longer in WAL mode, and quiltctl sets the mode at creation only.

    Raises:
        Conflict: the target is there, and ``replace`` was not said.
        StoreError: there is no database, or it or the target's folder refuses.
    """
    if not os.path.exists(paths.database):
        raise errors.StoreError(
            f"cannot back up {paths.database}: there is no database yet",
            hint="it is made by the first container or image",
        )
    if os.path.lexists(target) and not replace:
        raise _taken(target)
    # Beside the target, because a rename must not cross file systems; and named so that no two writers share it.
    unfinished = f"{target}.{os.getpid()}.new"
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            _copy(paths, unfinished)
            _put(unfinished, target, replace=replace)
        finally:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
    except OSError as error:
        raise errors.StoreError(
            f"cannot write {target}: {error.strerror}", hint="name a file in a folder that can be written"
        ) from error


def _copy(paths: Paths, unfinished: str) -> None:
    source = open_to_read(paths)
    with translated(paths.database):
        copy = sqlite3.connect(unfinished, isolation_level=None)
        try:
            # All pages in one step: between steps others could write, and each write would start it anew.
            source.backup(copy, pages=-1)
        finally:
            copy.close()
    file_fd = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file_fd)
    finally:
        os.close(file_fd)


def _put(unfinished: str, target: str, *, replace: bool) -> None:
    if replace:
        os.rename(unfinished, target)
        return
    try:
        os.link(unfinished, target)  # unlike rename, it refuses to replace what has come meanwhile
    except FileExistsError as error:
        raise _taken(target) from error


def _taken(target: str) -> errors.Conflict:
    return errors.Conflict(f"{target} is there already", hint="say --force to replace it, or name another file")
