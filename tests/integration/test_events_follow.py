"""`events` beside writers: it sleeps, and misses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quiltctl.db import events
from quiltctl.db.connection import open_to_read, open_to_write, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from quiltctl.paths import Paths

LONGEST_S = 20.0


@contextmanager
def followed(paths: Paths, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `events` with its output in a pipe until the block ends, once it has gone to sleep for the first time."""
    command = [sys.executable, "-m", "quiltctl", "--root", paths.root, "events", "--format", "{{.Name}}", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            until_asleep(process.pid)
            yield process
        finally:
            process.kill()


def until_asleep(pid: int) -> None:
    """Wait until the process waits in poll(2)."""
    end = time.monotonic() + LONGEST_S
    while "poll" not in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii"):
        assert time.monotonic() < end
        time.sleep(0.01)


def note(connection: sqlite3.Connection, *names: str) -> None:
    """Write an event of each name, in one transaction."""
    with transaction(connection):
        connection.executemany(
            "INSERT INTO events (at, kind, action, object_id, name) VALUES (?, 'volume', 'create', '', ?)",
            [(time.time_ns(), name) for name in names],
        )


def next_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the next lines; where they do not come, the test's own end stops the wait."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def test_events_shows_from_now_on_what_is_written(quilt_root: Paths) -> None:
    """What stood there before is not shown, what comes is, at once and in order."""
    connection = open_to_write(quilt_root)
    note(connection, "before")
    with followed(quilt_root) as process:
        note(connection, "a")
        first = next_lines(process, 1)
        note(connection, "b", "c")
        rest = next_lines(process, 2)
    connection.close()

    assert (first, rest) == (["a"], ["b", "c"])


def test_events_misses_nothing_of_a_crowd(quilt_root: Paths) -> None:
    """Hundreds of commits by processes that race each other all arrive, each once, in the order of their numbers."""
    open_to_write(quilt_root).close()
    program = (
        "import sys, os; sys.path[:0] = [sys.argv[3]]; from quiltctl.paths import Paths;"
        "from quiltctl.db.connection import open_to_write, transaction;"
        "c = open_to_write(Paths(sys.argv[1]))\n"
        "for i in range(60):\n"
        "    with transaction(c):\n"
        "        c.execute('INSERT INTO events (at, kind, action, object_id, name) VALUES (1, ?, ?, ?, ?)',"
        " ('volume', 'create', '', f'{sys.argv[2]}-{i}'))\n"
        "os._exit(0)"
    )
    here = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    with followed(quilt_root) as process:
        writers = [subprocess.Popen([sys.executable, "-c", program, quilt_root.root, str(n), here]) for n in range(6)]
        shown = next_lines(process, 360)
        codes = [writer.wait() for writer in writers]
    connection = open_to_read(quilt_root)

    assert codes == [0] * 6
    assert shown == [event.name for event in events.after(connection, 0)]


def test_events_waits_for_the_first_container_of_a_host(quilt_root: Paths) -> None:
    """It can be started where nothing is yet, not even the folder, and shows the first event there ever is."""
    with followed(quilt_root) as process:
        connection = open_to_write(quilt_root)
        note(connection, "first")
        lines = next_lines(process, 1)
    connection.close()

    assert lines == ["first"]


def test_events_until_ends_by_itself(quilt_root: Paths) -> None:
    """With an end that is still to come, what happens until then is shown, and the command ends in success."""
    connection = open_to_write(quilt_root)
    note(connection, "before")
    with followed(quilt_root, "--until", "2s") as process:
        note(connection, "after")
        out, _ = process.communicate(timeout=LONGEST_S)
    connection.close()

    assert (out, process.returncode) == ("before\nafter\n", 0)


def test_events_ends_when_nobody_reads_any_more(quilt_root: Paths) -> None:
    """A closed pipe ends it quietly, although nothing happens that it could have tried to write."""
    open_to_write(quilt_root).close()
    with followed(quilt_root) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=LONGEST_S)

    assert process.returncode >= 0


def test_events_does_nothing_while_nothing_happens(quilt_root: Paths) -> None:
    """Asleep it is not woken once: it does not poll."""
    connection = open_to_write(quilt_root)
    with followed(quilt_root) as process:
        note(connection, "a")
        next_lines(process, 1)
        time.sleep(1.5)  # its last look after a change comes half a second later
        before = _switches(process.pid)
        time.sleep(1.5)
        after = _switches(process.pid)
    connection.close()

    assert after == before


def _switches(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(line for line in status.splitlines() if line.startswith("voluntary"))
