"""Logs against kill -9, full disks and readers at work, each with a real writer process."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.logs import Reader, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KILLS = 30
WRITER = """
import os, sys
from quiltctl.runtime.shim.log import Log
folder, max_bytes, max_files, first = sys.argv[1], *map(int, sys.argv[2:])
log = Log(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), max_bytes, max_files)
while True:
    # A chunk of many lines, as a flood through the pipe is; told of once it is written.
    turn = range(first, first + 200)
    log.write("stdout", b"".join(b"%08d %s\\n" % (number, b"x" * (number % 300)) for number in turn))
    first += 200
    os.write(1, b"%d\\n" % first)
"""
FULL_DISK = """
set -e
mount -t tmpfs -o size=512k tmpfs "$1"
exec "$2" -c '
import os, sys
from quiltctl.runtime.shim import log
from quiltctl.runtime.logs import records
log.RETRY_NS = 0
folder, ballast = sys.argv[1] + "/log", sys.argv[1] + "/ballast"
os.mkdir(folder)
with open(ballast, "wb") as file:
    file.write(bytes(200_000))
writer = log.Log(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), int(sys.argv[2]), 10)
for number in range(200):
    if number == 160:
        os.unlink(ballast)
    writer.write("stdout", b"%04d %s\\n%04d open" % (number, b"x" * 3000, number))
    writer.write("stderr", b"oops\\n")
    writer.write("stdout", b" and ended\\n")
writer.close()
for record in records(folder):
    whole = record.text + b"\\n" * (not record.partial)
    print(record.stream, len(whole), record.text.decode())
' "$1" "$3"
"""
LINES_OF_A_TURN = ("{0:04} " + "x" * 3000, "{0:04} open", "oops", " and ended")
BYTES_OF_A_TURN = 3006 + 9 + 5 + 11


def write_until_killed(folder: Path, first: int, after_s: float, *, max_bytes: int, max_files: int) -> int:
    """Run a writer, kill it at some moment, and return the number before which every line was said to be written."""
    command = [sys.executable, "-c", WRITER, str(folder), str(max_bytes), str(max_files), str(first)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()  # it has begun
    time.sleep(after_s)
    writer.kill()
    said = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    return int(said[-1]) if said else first + 200


def numbers(found: Iterable[bytes]) -> list[int]:
    """Return the numbers of the writer's lines, each checked to be whole."""
    lines = b"".join(found).splitlines()
    assert all(line == b"%s %s" % (line[:8], b"x" * (int(line[:8]) % 300)) for line in lines)
    return [int(line[:8]) for line in lines]


def test_log_survives_kill_9(tmp_path: Path) -> None:
    """Killed thirty times at any moment, every line that was written is there, once, in order and whole."""
    moments = random.Random(7)
    reader = Reader(str(tmp_path))
    total = 0
    for _ in range(KILLS):
        said = write_until_killed(tmp_path, total, moments.random() / 50, max_bytes=1 << 20, max_files=10_000)
        reader.refresh()
        found = numbers(record.text + b"\n" for record in reader.read())
        # There may be more than was said: lines of the chunk that was being written.
        assert found == list(range(total, total + len(found)))
        assert found[-1] >= said - 1
        total += len(found)
    reader.close()
    assert sum(1 for _ in records(str(tmp_path))) == total


def test_log_read_during_rotation_has_no_hole(tmp_path: Path) -> None:
    """Whoever reads while segments come and go sees some lines in a row: none twice, none missing, none moved."""
    command = [sys.executable, "-c", WRITER, str(tmp_path), "40000", "3", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as writer:
        try:
            read = [numbers(r.text + b"\n" for r in records(str(tmp_path))) for _ in reads_until_deleted(tmp_path, 300)]
            tails = [numbers(r.text + b"\n" for r in records(str(tmp_path), tail=50)) for _ in range(300)]
        finally:
            writer.kill()
    assert all(later == earlier + 1 for found in (*read, *tails) for earlier, later in pairwise(found))
    assert all(len(found) >= 50 for found in tails)
    assert read[-1][0] > 0


def reads_until_deleted(folder: Path, least: int) -> Iterator[int]:
    """Yield for each read that shall be done: so many, and on until many segments have been deleted."""
    for number in count():
        names = sorted(path.name for path in folder.iterdir())
        if number >= least and names and int(names[0][:10]) > 50:
            return
        yield number


def test_reader_that_goes_on_over_rotations_has_no_hole(tmp_path: Path) -> None:
    """A reader that keeps up with a writer over hundreds of segments sees every line."""
    command = [sys.executable, "-c", WRITER, str(tmp_path), "40000", "100000", "0"]
    found: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as writer:
        reader = Reader(str(tmp_path))
        try:
            while len(found) < 50_000:
                reader.refresh()
                found += numbers(record.text + b"\n" for record in reader.read())
        finally:
            writer.kill()
            reader.close()
    assert found == list(range(len(found)))


@pytest.mark.needs("root")
@pytest.mark.parametrize("max_bytes", [1 << 20, 50_000])
def test_log_survives_a_full_disk(tmp_path: Path, max_bytes: int) -> None:
    """On a full disk whole lines stay, and the log says to the byte what is missing, at its place."""
    command = ["unshare", "-m", "sh", "-c", FULL_DISK, "sh", str(tmp_path), sys.executable, str(max_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line.split(" ", 2) for line in done.stdout.splitlines()]
    missing = [int(text.split()[0]) for stream, _, text in found if stream == "quiltctl"]
    kept = [(int(length), text) for stream, length, text in found if stream != "quiltctl"]
    possible = {line.format(turn) for turn in range(200) for line in LINES_OF_A_TURN}
    assert (done.stderr, {text for _, text in kept} - possible) == ("", set())
    assert sum(missing) + sum(length for length, _ in kept) == 200 * BYTES_OF_A_TURN
    assert kept[0][1][:5] == "0000 "
    assert kept[-1][1] == " and ended"
    assert missing
