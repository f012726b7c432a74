"""The maker of the database is killed, at every line it has: nobody ever sees half a database."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import meta, migrate
from quiltctl.db.connection import open_to_read, open_to_write, transaction

if TYPE_CHECKING:
    from types import FrameType

    from quiltctl.paths import Paths

WATCHED = {migrate.create.__code__, migrate.upgrade.__code__}


def make_and_die(paths: Paths, at_line: int) -> bool:
    """Make the database in a child that kills itself before its ``at_line``-th line. Returns whether it came so far."""
    child = os.fork()
    if child == 0:
        passed = 0

        def count(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal passed
            if frame.f_code not in WATCHED:
                return None
            if event == "line":
                passed += 1
                if passed == at_line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return count

        sys.settrace(count)
        open_to_write(paths)
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


# Every line of create, then every seventh of the long loop over the statements of the schema, and the end again.
@pytest.mark.parametrize("at_line", [*range(1, 30), *range(30, 240, 7)])
def test_creator_killed_at_any_line_leaves_none_or_all_of_it(quilt_root: Paths, at_line: int) -> None:
    """After a kill -9 a reader finds an empty root, and the next writer finds or makes a whole database."""
    make_and_die(quilt_root, at_line)
    reader = open_to_read(quilt_root)
    assert reader.execute("SELECT count(*) FROM containers").fetchone()[0] == 0
    connection = open_to_write(quilt_root)
    with transaction(connection):
        meta.put(connection, "key", "value")
    whole = [
        connection.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST,
        connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal",
        connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok",
        sorted(os.listdir(quilt_root.root)) == [".create.lock", "quilt.db", "quilt.db-shm", "quilt.db-wal"],
    ]
    connection.close()
    assert whole == [True] * 4


def test_creator_is_really_killed_in_between(quilt_root: Paths) -> None:
    """The kill happens: at the first lines there is no database yet, and one more process makes it."""
    assert make_and_die(quilt_root, 12)
    assert not os.path.exists(quilt_root.database)
    assert not make_and_die(quilt_root, 100_000)
    assert os.path.exists(quilt_root.database)


@pytest.mark.parametrize("statement", [1, 2, 3])
def test_writer_killed_in_a_transaction_leaves_nothing_of_it(quilt_root: Paths, statement: int) -> None:
    """What was committed before a kill -9 is there afterwards; of the transaction under way nothing is."""
    with transaction(connection := open_to_write(quilt_root)):
        meta.put(connection, "before", "1")
    connection.close()
    child = os.fork()
    if child == 0:
        victim = open_to_write(quilt_root)
        with transaction(victim):
            for number in range(statement):
                meta.put(victim, f"during-{number}", "1")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with transaction(connection := open_to_write(quilt_root)):
        meta.put(connection, "after", "1")
    rows = open_to_read(quilt_root).execute("SELECT key FROM meta ORDER BY key").fetchall()
    assert [row[0] for row in rows] == ["after", "before"]
