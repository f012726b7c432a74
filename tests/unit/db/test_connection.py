"""Opening the database, its transactions, and the words for what SQLite refuses."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import meta, migrate
from quiltctl.db.connection import explain, open_to_read, open_to_write, transaction, translated
from quiltctl.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable


def test_reading_where_nothing_is_makes_nothing(quilt_root: Paths) -> None:
    """A root that does not exist reads as an empty one and is not made by that."""
    connection = open_to_read(quilt_root)
    assert connection.execute("SELECT count(*) FROM containers").fetchone()[0] == 0
    assert not os.path.exists(quilt_root.root)


def test_first_write_makes_a_closed_root(quilt_root: Paths) -> None:
    """The root and the database are made for root alone, whatever the umask, in WAL mode and at the last version."""
    umask = os.umask(0)
    try:
        connection = open_to_write(quilt_root)
    finally:
        os.umask(umask)
    modes = {name: oct(os.stat(name).st_mode & 0o777) for name in (quilt_root.root, quilt_root.database)}
    assert modes == {quilt_root.root: "0o700", quilt_root.database: "0o600"}
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST
    assert sorted(os.listdir(quilt_root.root)) == [".create.lock", "quilt.db", "quilt.db-shm", "quilt.db-wal"]


@pytest.mark.parametrize("name", ["with space", "a?b#c%41", "ünïcode", os.fsdecode(b"\xff\xfe"), "a;b'c\"d", "a\nb"])
def test_root_of_any_name_works(quilt_root: Paths, name: str) -> None:
    """What means something in a URI or in SQL means nothing in the name of a root."""
    paths = Paths(f"{quilt_root.root}/{name}")
    with transaction(written := open_to_write(paths)):
        meta.put(written, "key", "value")
    assert meta.get(open_to_read(paths), "key") == "value"
    assert os.listdir(quilt_root.root) == [name]


def test_reader_sees_what_was_committed_and_not_what_was_not(quilt_root: Paths) -> None:
    """A reader is not blocked by a transaction under way and sees the state before it."""
    writer = open_to_write(quilt_root)
    with transaction(writer):
        meta.put(writer, "key", "old")
    with transaction(writer):
        meta.put(writer, "key", "new")
        during = meta.get(open_to_read(quilt_root), "key")
    assert (during, meta.get(open_to_read(quilt_root), "key")) == ("old", "new")


def test_reader_cannot_write(quilt_root: Paths) -> None:
    """The connection for reading refuses a write, and the refusal is worded."""
    open_to_write(quilt_root)
    with pytest.raises(errors.StoreError, match="readonly database"), translated(quilt_root.database):
        meta.put(open_to_read(quilt_root), "key", "value")


def test_transaction_undoes_everything_when_its_block_raises(quilt_root: Paths) -> None:
    """Of a transaction all or nothing stays, also when the user presses Ctrl-C, and the next one works."""
    connection = open_to_write(quilt_root)

    def interrupted() -> None:
        with transaction(connection):
            meta.put(connection, "first", "1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with transaction(connection):
        meta.put(connection, "second", "2")
    assert [tuple(row) for row in connection.execute("SELECT * FROM meta")] == [("second", "2")]


def test_transaction_whose_commit_fails_is_over(quilt_root: Paths) -> None:
    """When COMMIT itself is refused, nothing stays open, and the connection goes on."""
    connection = open_to_write(quilt_root)
    connection.execute("CREATE TABLE child (parent TEXT REFERENCES meta (key) DEFERRABLE INITIALLY DEFERRED) STRICT")
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.execute("INSERT INTO child VALUES ('nobody')")
    with transaction(connection):
        meta.put(connection, "key", "value")
    assert connection.execute("SELECT count(*) FROM child").fetchone()[0] == 0


def test_foreign_keys_hold(quilt_root: Paths) -> None:
    """A row cannot point at one that is not there."""
    connection = open_to_write(quilt_root)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("INSERT INTO container_labels VALUES ('nobody', 'k', 'v')")


@pytest.mark.parametrize("opening", [open_to_read, open_to_write])
def test_database_of_a_newer_program_is_refused(
    quilt_root: Paths, opening: Callable[[Paths], sqlite3.Connection]
) -> None:
    """A schema from the future is left alone, by readers too."""
    open_to_write(quilt_root).execute("PRAGMA user_version = 99")
    with pytest.raises(errors.StoreTooNew) as caught:
        opening(quilt_root)
    sentence = f"the database {quilt_root.database} is of version 99, and this quiltctl knows up to {migrate.LATEST}"
    assert (str(caught.value), caught.value.hint) == (sentence, "upgrade quiltctl, or choose another --root")


@pytest.mark.parametrize("opening", [open_to_read, open_to_write])
def test_root_that_is_a_file_is_an_error(quilt_root: Paths, opening: Callable[[Paths], sqlite3.Connection]) -> None:
    """A file in the place of the root is said to be one."""
    Path(quilt_root.root).write_text("not a directory")
    with pytest.raises(errors.StoreError) as caught:
        opening(quilt_root)
    assert str(caught.value) == f"cannot open the database {quilt_root.database}: Not a directory"
    assert Path(quilt_root.root).read_text() == "not a directory"


@pytest.mark.parametrize("opening", [open_to_read, open_to_write])
def test_database_that_is_a_folder_is_an_error(
    quilt_root: Paths, opening: Callable[[Paths], sqlite3.Connection]
) -> None:
    """A folder of the database's name is no database."""
    Path(quilt_root.database).mkdir(parents=True)
    with pytest.raises(errors.StoreError, match=r"unable to open database file|disk I/O error"):
        opening(quilt_root)


def test_empty_file_counts_as_no_database(quilt_root: Paths) -> None:
    """A file without a byte reads as an empty root, and the first write makes a database of it."""
    Path(quilt_root.root).mkdir()
    Path(quilt_root.database).touch()
    assert open_to_read(quilt_root).execute("SELECT count(*) FROM containers").fetchone()[0] == 0
    assert open_to_write(quilt_root).execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST


def test_lock_that_is_held_too_long_is_worded(quilt_root: Paths) -> None:
    """Whoever cannot get the lock is told what happened, and how to find who holds it."""
    holder, waiter = open_to_write(quilt_root), open_to_write(quilt_root)
    waiter.execute("PRAGMA busy_timeout = 10")
    with transaction(holder), pytest.raises(sqlite3.OperationalError) as caught, transaction(waiter):
        pass
    error = explain(caught.value, "/r/quilt.db")
    assert isinstance(error, errors.StoreBusy)
    assert str(error) == "the database /r/quilt.db stayed locked for 30 seconds"
    assert error.hint == "another program holds it open in a transaction; see who with: fuser /r/quilt.db"
