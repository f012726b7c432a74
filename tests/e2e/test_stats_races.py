"""`stats` while containers come and go, and with how few files it does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Pause, Quilt

NONE = ("--network", "none")


def once(quilt: Quilt, *words: str) -> list[dict[str, Any]]:
    """Return one look, as JSON."""
    rows: list[dict[str, Any]] = json.loads(quilt.ok("stats", "--no-stream", "--json", *words))
    return rows


def test_look_opens_as_few_files_as_there_are_figures(quilt: Quilt) -> None:
    """What is opened for each container is what is read of it, however many there are; nothing is listed or walked."""
    program = (
        "import sys\n"
        "from quiltctl.paths import find_paths\n"
        "from quiltctl.db.connection import open_to_read\n"
        "from quiltctl.runtime.lifecycle.sample import sample\n"
        "opened = []\n"
        "paths = find_paths(None)\n"
        "connection = open_to_read(paths)\n"
        "sample(paths, connection)\n"
        "looks = {'open', 'os.scandir', 'os.listdir'}\n"
        "sys.addaudithook(lambda name, _: opened.append(name) if name in looks else None)\n"
        "found = sample(paths, connection)\n"
        "print(len(found), len(opened))\n"
    )

    def look() -> tuple[int, int]:
        done = subprocess.run(
            [sys.executable, "-P", "-c", program], env=quilt.environment, capture_output=True, text=True, check=True
        )
        count, opened = done.stdout.split()
        return int(count), int(opened)

    quilt.ok("run", "-d", *NONE, "box", "sleep", "1000")
    one = look()
    for _ in range(4):
        quilt.ok("run", "-d", *NONE, "box", "sleep", "1000")
    five = look()

    assert (one[0], five[0]) == (1, 5)
    assert five[1] - one[1] <= 4 * 14


def test_looks_while_containers_come_and_go_are_whole(quilt: Quilt) -> None:
    """Whatever begins or ends in the middle of a look is in it with its figures, or not at all; nothing is said."""
    quilt.ok("run", "-d", "--name", "stays", *NONE, "box", "sleep", "1000")
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            quilt.ok("run", "--rm", *NONE, "box", "sleep", "0.05")

    looks: list[dict[str, Any]] = []
    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(churn) for _ in range(3)]
        try:
            for _ in range(20):
                looks += once(quilt)
                quilt.ok("gc")
        finally:
            stop.set()
        for worker in workers:
            worker.result()

    assert len({row["ContainerID"] for row in looks}) > 1
    assert {row["State"] for row in looks} == {"running"}
    assert [row for row in looks if None in (row["CPU"], row["MemUsage"], row["PIDs"], row["NetInput"])] == []


@pytest.mark.parametrize(
    ("end", "named", "left"),
    [(("rm", "-f"), (), []), (("stop",), (), []), (("rm", "-f"), ("c",), []), (("stop",), ("c",), ["exited"])],
    ids=str,
)
def test_container_that_ends_in_the_middle_of_a_look_is_no_error(
    quilt: Quilt,
    pausing: Callable[[str, str], tuple[Quilt, Pause]],
    end: tuple[str, ...],
    named: tuple[str, ...],
    left: list[str],
) -> None:
    """It is not in the look, or, where it was asked for by name and is still there, without figures."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    slow, pause = pausing("runtime/lifecycle/sample.py", "figures = NOTHING if")
    process = slow.popen("stats", "--no-stream", "--json", *named, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    with pause():
        quilt.ok(*end, "-t", "0", "c")
    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, b"")
    rows = json.loads(out)
    assert [row["State"] for row in rows] == left
    assert [row["CPU"] for row in rows] == [None] * len(left)
