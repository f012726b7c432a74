"""Many processes on one database: nothing is lost, and nobody sees a lock."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers, meta, migrate
from quiltctl.db.connection import open_to_read, open_to_write, transaction

if TYPE_CHECKING:
    from pathlib import Path

    from quiltctl.paths import Paths

PROCESSES = 16
TRANSACTIONS = 60
RACERS = 8

WRITER = """
import sys
from quiltctl.db import containers, meta
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths

root, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
connection = open_to_write(Paths(root))
for turn in range(rounds):
    with transaction(connection):
        counted = int(meta.get(connection, "counter") or 0)
        containers.insert(
            connection, container_id=f"{number:032x}{turn:032x}", name=f"c-{number}-{turn}", image_id=None,
            image_name="busybox", command="[]", config="{}", auto_remove=False, labels={"turn": str(turn)},
        )
        meta.put(connection, "counter", str(counted + 1))
print("done")
"""
STARTER = """
import sys
from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths

root, number, container_id = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdin.readline()
connection = open_to_write(Paths(root))
with transaction(connection):
    print(containers.begin_start(connection, container_id, shim_pid=number + 1, shim_started=1, boot_id="b"))
"""
READER = """
import sys
from quiltctl.db import containers
from quiltctl.db.connection import open_to_read
from quiltctl.paths import Paths

sys.stdin.readline()
seen = 0
while seen < int(sys.argv[2]):
    now = len(containers.list_all(open_to_read(Paths(sys.argv[1]))))
    assert now >= seen, (now, seen)
    seen = now
print("done")
"""


def race(script: str, *arguments: str, runners: int) -> list[str]:
    """Start processes of a script, let all go at the same moment, and return what each printed.

    ``{}`` among the arguments becomes the number of the process.
    """
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, *(a.format(number) for a in arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(runners)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].strip() for process in started]


@pytest.fixture
def made(quilt_root: Paths) -> Paths:
    """Give a root whose database is there."""
    open_to_write(quilt_root).close()
    return quilt_root


def test_sixteen_writers_lose_nothing(made: Paths) -> None:
    """Of 16 processes with 60 transactions each, every one happens once, and none is told of a lock."""
    said = race(WRITER, made.root, "{}", str(TRANSACTIONS), runners=PROCESSES)
    assert said == ["done"] * PROCESSES
    connection = open_to_read(made)
    assert meta.get(connection, "counter") == str(PROCESSES * TRANSACTIONS)
    tables = ("containers", "container_labels", "events")
    counts = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables]
    assert counts == [PROCESSES * TRANSACTIONS] * 3
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_readers_see_the_list_grow_while_writers_write(made: Paths) -> None:
    """Readers that open the file anew each time are never refused, and what one has seen stays."""
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, made.root, "240"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert reader.stdin is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    assert race(WRITER, made.root, "{}", "60", runners=4) == ["done"] * 4
    assert reader.communicate(timeout=60)[0].strip() == "done"


@pytest.mark.parametrize("attempt", range(5))
def test_racers_for_a_new_root_make_one_database(quilt_root: Paths, attempt: int) -> None:
    """Commands that all find no database make one between them, and the transactions of all are in it."""
    assert race(WRITER, quilt_root.root, "{}", "3", runners=RACERS) == ["done"] * RACERS, attempt
    connection = open_to_read(quilt_root)
    assert meta.get(connection, "counter") == str(RACERS * 3)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST


def test_of_many_starts_one_wins(made: Paths) -> None:
    """When eight start the same container at once, one gets the new generation and the others learn it."""
    container_id = "a" * 64
    with transaction(connection := open_to_write(made)):
        containers.insert(
            connection,
            container_id=container_id,
            name="c",
            image_id=None,
            image_name="busybox",
            command="[]",
            config="{}",
            auto_remove=False,
            labels={},
        )
    said = race(STARTER, made.root, "{}", container_id, runners=RACERS)
    assert sorted(said) == ["1", *["None"] * (RACERS - 1)]
    monitors = open_to_read(made).execute("SELECT generation FROM process_monitors").fetchall()
    assert [tuple(row) for row in monitors] == [(1,)]


def test_racers_with_an_old_file_upgrade_it_once(made: Paths, tmp_path: Path) -> None:
    """After a program was upgraded, many commands at once upgrade the file one time."""
    (tmp_path / "next.sql").write_text("CREATE TABLE added (a TEXT) STRICT;\nINSERT INTO added VALUES ('once');\n")
    newer = f"""
import os
from quiltctl.db import migrate
here = os.path.relpath({str(tmp_path / "next.sql")!r}, os.path.dirname(migrate.__file__) + "/migrations")
migrate.MIGRATIONS, migrate.LATEST = (*migrate.MIGRATIONS, here), migrate.LATEST + 1
{WRITER}"""
    assert race(newer, made.root, "{}", "5", runners=RACERS) == ["done"] * RACERS
    rows = open_to_write_newer(made)
    assert rows == ["once"]


def open_to_write_newer(paths: Paths) -> list[str]:
    """Return what the added table holds, past the check of the version that this process would fail."""
    import sqlite3

    connection = sqlite3.connect(paths.database)
    rows = [row[0] for row in connection.execute("SELECT a FROM added")]
    connection.close()
    return rows


def test_reader_is_not_held_up_by_a_writer(made: Paths) -> None:
    """While somebody holds the lock to write, a reader answers at once."""
    writer = open_to_write(made)
    with transaction(writer):
        meta.put(writer, "key", "value")
        begun = time.monotonic()
        assert meta.get(open_to_read(made), "key") is None
        assert time.monotonic() - begun < 1
