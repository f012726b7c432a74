"""Opening quilt.db, and its transactions.

The rules, each measured: WAL is set once, when the file is made, under a lock; ``busy_timeout`` comes first on
every open; whatever may write begins IMMEDIATE; no connection is used on both sides of a fork; and no connection
of a writer is closed, because the last one to close deletes ``-wal`` and ``-shm``, without which a read-only
connection cannot open the file on a full disk. The process ends by ``os._exit`` and leaves them.
"""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.db.engine import sqlite3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from quiltctl.paths import Paths

BUSY_TIMEOUT_S = 30.0
"""How long a command waits for a writer before it gives up. A transaction here takes a fraction of a millisecond."""

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
kept: list[sqlite3.Connection] = []
"""Connections of this process, kept from the garbage collector, which would close them."""


def open_to_read(paths: Paths) -> sqlite3.Connection:
    """Return a read-only connection; where there is no database yet, one to an empty database in memory.

    Works on a full disk, on a read-only file system and while others write.

    Raises:
        StoreError: the file cannot be opened, is newer than this program, or is damaged.
    """
    with translated(paths.database):
        if not _exists(paths.database):
            return _migrated(_connect(":memory:"))
        target = f"file:{_quoted(paths.database)}?mode=ro"
        try:
            return _opened(target, paths.database)
        except sqlite3.OperationalError as error:
            if _code(error) in _LOCKED or not _missing_or_empty(f"{paths.database}-wal"):
                raise
            # sqlite.org/wal.html, "Read-Only Databases": without -shm and the room or the right to make it, only
            # immutable reads. Rows that are still in -wal would be missed, so only where that holds none.
            return _opened(f"{target}&immutable=1", paths.database)


def open_to_write(paths: Paths) -> sqlite3.Connection:
    """Return a connection for transactions, making or migrating the database where that is needed.

    Raises:
        StoreError: the root or the file cannot be written, is newer than this program, or is damaged.
    """
    from quiltctl.db import migrate

    with translated(paths.database):
        if not _exists(paths.database):
            migrate.create(paths)
        connection = _connect(f"file:{_quoted(paths.database)}?mode=rw", uri=True)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _check_version(connection, paths.database)
        if version < migrate.LATEST:
            migrate.upgrade(connection)
    return connection


def size_bytes(paths: Paths) -> int:
    """Return the size of the database with its log, 0 where there is none yet."""
    total = 0
    for path in (paths.database, f"{paths.database}-wal", f"{paths.database}-shm"):
        try:
            total += os.stat(path).st_size
        except FileNotFoundError:
            continue
    return total


class transaction:  # noqa: N801 (it is used as a function would be; contextlib costs 5 ms to import)
    """Run the block as one IMMEDIATE transaction: all of it, or, when it raises, nothing of it.

    Nothing in the block may wait for anything but the database.

    Raises:
        sqlite3.OperationalError: somebody else held the lock for the whole busy timeout, or the disk is full;
            the command line words it by ``explain``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            # A failed COMMIT leaves it open; an error such as a full disk may have ended it already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class translated:  # noqa: N801 (as above)
    """Turn what SQLite raises in the block into a StoreError that says it in our words."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin: there is nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error):
            raise explain(error, self._path) from error
        if isinstance(error, UnicodeDecodeError):
            # sqlite3 raises it while it words an error that quotes a damaged page.
            raise _damaged(self._path, "it holds text that is none") from error
        if isinstance(error, OSError):
            raise errors.StoreError(
                f"cannot open the database {self._path}: {error.strerror}", hint=_hint_for_root(error, self._path)
            ) from error


def explain(error: sqlite3.Error, path: str = "quilt.db") -> errors.StoreError:
    """Return the StoreError for what SQLite raised (sqlite.org/rescode.html)."""
    code = _code(error)
    if code in _LOCKED:
        return errors.StoreBusy(
            f"the database {path} stayed locked for {BUSY_TIMEOUT_S:.0f} seconds",
            hint="another program holds it open in a transaction; see who with: fuser " + path,
        )
    # The text may quote the whole statement that made a damaged table.
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return _damaged(path, said)
    if code == sqlite3.SQLITE_FULL:
        return errors.StoreError(f"cannot write {path}: no space left on device", hint="free some space and try again")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return errors.StoreError(f"cannot open {path}: {said}", hint="run as root, or choose another --root")
    return errors.StoreError(f"the database {path} refused: {said}")


def _damaged(path: str, why: str) -> errors.StoreDamaged:
    return errors.StoreDamaged(
        f"the database {path} is damaged: {why}", hint="restore a backup made with: quiltctl system backup"
    )


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code. Python raises some errors without one."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(target, timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=uri)
    connection.row_factory = sqlite3.Row
    kept.append(connection)
    return connection


def _check_version(connection: sqlite3.Connection, path: str) -> int:
    from quiltctl.db.migrate import LATEST

    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version < 1:
        # The first version is there before the file has its name (migrate.create).
        raise _damaged(path, "it has no tables of quiltctl")
    if version > LATEST:
        raise errors.StoreTooNew(
            f"the database {path} is of version {version}, and this quiltctl knows up to {LATEST}",
            hint="upgrade quiltctl, or choose another --root",
        )
    return version


def _migrated(connection: sqlite3.Connection) -> sqlite3.Connection:
    from quiltctl.db import migrate

    migrate.upgrade(connection)
    return connection


def _exists(path: str) -> bool:
    """Return whether the file is there with something in it: a creator that died early leaves it empty."""
    try:
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False


def _opened(target: str, path: str) -> sqlite3.Connection:
    connection = _connect(target, uri=True)
    _check_version(connection, path)
    return connection


def _missing_or_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True


def _quoted(path: str) -> str:
    """Return the path as it must stand in a file: URI (sqlite.org/uri.html)."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _hint_for_root(error: OSError, path: str) -> str | None:
    if isinstance(error, PermissionError):
        return "run as root, or choose a directory of your own with --root"
    return f"look at {os.path.dirname(path)}"
