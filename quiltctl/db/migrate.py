"""Making the database and bringing it up to date. ``PRAGMA user_version`` is the only bookkeeping."""

from __future__ import annotations

import os

from quiltctl.db.engine import sqlite3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from quiltctl.paths import Paths

MIGRATIONS = (
    "0001_initial.sql",
    "0002_id_ranges.sql",
    "0003_networks.sql",
    "0004_oom.sql",
    "0005_samples.sql",
)
LATEST = len(MIGRATIONS)


def create(paths: Paths) -> None:
    """Make the root, mode 0700, and in it an empty database in WAL mode; of several at once, one does it.

    Raises:
        OSError: the root cannot be made or written.
        sqlite3.Error: the file is there and is not a database.
    """
    import fcntl

    os.makedirs(paths.root, mode=0o700, exist_ok=True)
    lock_fd = os.open(f"{paths.root}/.create.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        if os.path.exists(paths.database) and os.stat(paths.database).st_size > 0:
            return
        # Private while it is made, and renamed when whole: whoever sees the name sees a database with its tables.
        unfinished = f"{paths.database}.new"
        for leftover in (unfinished, f"{unfinished}-wal", f"{unfinished}-shm"):
            if os.path.exists(leftover):
                os.unlink(leftover)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(unfinished, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        upgrade(connection)
        connection.close()
        os.rename(unfinished, paths.database)
    finally:
        os.close(lock_fd)


def upgrade(connection: sqlite3.Connection) -> None:
    """Run the migrations that the database has not seen, each in a transaction of its own.

    The version is read again inside each transaction: another process may have been first.
    """
    for number, name in enumerate(MIGRATIONS, start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in _statements(_read(name)):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _read(name: str) -> str:
    with open(f"{os.path.dirname(__file__)}/migrations/{name}", encoding="utf-8") as file:
        return file.read()


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements. ``executescript`` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
