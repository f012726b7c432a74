"""`stats` of containers that run, by the installed command, against the kernel's own files."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.paths import Paths
from quiltctl.runtime.cgroup import place
from quiltctl.runtime.cgroup.layout import find_layout
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
HOLD = (
    "x=$(head -c 20000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done;"
    " echo ready; sleep 1000; true"
)


def once(quilt: Quilt, *words: str) -> list[dict[str, Any]]:
    """Return one look, as JSON."""
    rows: list[dict[str, Any]] = json.loads(quilt.ok("stats", "--no-stream", "--json", *words))
    return rows


def kernels(quilt: Quilt, container_id: str, controller: str, *names: str) -> str:
    """Return what the kernel says of a container's cgroup, in the first of these files that there is."""
    path = place.of_container(Paths(str(quilt.root)), container_id)
    directory = Path(find_layout().directory(controller, path))
    return next((directory / name).read_text() for name in names if (directory / name).exists())


def worked_ns(quilt: Quilt, container_id: str) -> int:
    """Return how long a container has worked, by the v2 tree where it has a cgroup there."""
    path = place.of_container(Paths(str(quilt.root)), container_id)
    stat = Path(find_layout().unified or "/nonexistent") / path / "cpu.stat"
    if not stat.exists():
        return int(kernels(quilt, container_id, "cpuacct", "cpuacct.usage"))
    return 1000 * int(dict(line.split() for line in stat.read_text().splitlines())["usage_usec"])


@pytest.fixture
def held(quilt: Quilt) -> str:
    """Give the id of a container that has worked, holds 20 MB of a limit of 128, and now waits."""
    container_id = quilt.ok("run", "-d", "--name", "held", "-m", "128m", *NONE, "box", "sh", "-c", HOLD)
    quilt.eventually(lambda: quilt.ok("logs", "held") == "ready", 30)
    return container_id


def test_figures_of_a_container_are_the_kernels(either: Quilt, held: str) -> None:
    """Within a per cent, while it waits."""
    (row,) = once(either)

    used = int(kernels(either, held, "memory", "memory.current", "memory.usage_in_bytes"))
    assert (row["ContainerID"], row["Name"], row["State"]) == (held, "held", "running")
    assert row["MemUsage"] + row["MemCache"] == pytest.approx(used, rel=0.01)
    assert 20_000_000 < row["MemUsage"] < 128 << 20
    assert row["MemLimit"] == 128 << 20
    assert row["MemPerc"] == pytest.approx(100 * row["MemUsage"] / row["MemLimit"], rel=0.01)
    assert row["PIDs"] == int(kernels(either, held, "pids", "pids.current")) == 2
    assert row["PIDsLimit"] == 2048
    assert row["CPUNano"] == pytest.approx(worked_ns(either, held), rel=0.01)
    assert row["CPU"] == row["AvgCPU"] == pytest.approx(100 * row["CPUNano"] / row["UpNano"], rel=0.01)
    assert (row["NetInput"], row["NetOutput"], row["OOMKills"]) == (0, 0, 0)


def test_container_without_a_limit_has_the_memory_of_the_host(quilt: Quilt) -> None:
    """As docker and podman show it."""
    quilt.ok("run", "-d", "--name", "free", *NONE, "box", "sleep", "1000")
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024

    assert once(quilt)[0]["MemLimit"] == total


def test_container_without_a_cgroup_has_no_figures(quilt: Quilt) -> None:
    """It runs, and nobody counts."""
    quilt.ok("run", "-d", "--name", "uncounted", "--cgroups", "disabled", *NONE, "box", "sleep", "1000")

    (row,) = once(quilt)

    assert (row["State"], row["CPU"], row["MemUsage"], row["PIDs"], row["NetInput"]) == ("running", None, None, None, 0)


@pytest.mark.needs("own_cgroups")
def test_container_below_another_cgroup_is_found(quilt: Quilt) -> None:
    """--cgroup-parent puts it elsewhere, and its figures are there."""
    parent = f"jobs-{os.getpid()}-stats"
    quilt.ok("run", "-d", "--name", "moved", "--cgroup-parent", parent, *NONE, "box", "sleep", "1000")

    assert once(quilt)[0]["PIDs"] == 1


def test_traffic_is_counted_where_a_container_has_a_network(quilt: Quilt) -> None:
    """What shares another's network has that one's traffic; what is in the host's, or in none, has 0."""
    quilt.ok("run", "-d", "--name", "web", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "beside", "--network", "container:web", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "host", "--network", "host", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "besidehost", "--network", "container:host", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "none", *NONE, "box", "sleep", "1000")
    quilt("exec", "web", "sh", "-c", "timeout 1 nslookup name 10.42.0.1")

    traffic = {row["Name"]: row["NetOutput"] for row in once(quilt)}

    pid = quilt.inspect("web")["State"]["Pid"]
    lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    sent = sum(int(line.partition(":")[2].split()[8]) for line in lines if not line.strip().startswith("lo:"))
    assert sent > 0
    assert traffic == {"web": sent, "beside": sent, "host": 0, "besidehost": 0, "none": 0}


def test_stream_is_lines_that_are_flushed_and_says_the_difference(quilt: Quilt) -> None:
    """The first look is the average since the start, the next ones are what was used in between."""
    quilt.ok("run", "-d", "--name", "later", *NONE, "box", "sh", "-c", "sleep 0.5; while :; do :; done")
    quilt.ok("run", "-d", "--name", "ends", *NONE, "box", "sleep", "1000")
    process = quilt.popen("stats", "-i", "0.5", "--json", stdout=subprocess.PIPE)
    assert process.stdout is not None

    looks = [json.loads(process.stdout.readline()) for _ in range(3)]
    quilt.ok("rm", "-f", "-t", "0", "ends")
    while len(looks[-1]) > 1 and len(looks) < 20:
        looks.append(json.loads(process.stdout.readline()))
    process.stdout.close()

    process.wait(10)
    assert [row["Name"] for row in looks[0]] == ["later", "ends"]
    assert [row["Name"] for row in looks[-1]] == ["later"]
    first, second, third = (look[0] for look in looks[:3])
    assert first["CPU"] == first["AvgCPU"]
    used = third["CPUNano"] - second["CPUNano"]
    assert third["CPU"] == pytest.approx(100 * used / (third["UpNano"] - second["UpNano"]), rel=0.05)
    assert third["CPU"] != third["AvgCPU"]


def test_look_comes_at_once_and_ends_with_its_reader(quilt: Quilt) -> None:
    """A line does not wait for the next one, and who has stopped reading is noticed before that."""
    quilt.environment.pop("PYTHONUNBUFFERED", None)
    quilt.ok("run", "-d", "--name", "web", *NONE, "box", "sleep", "1000")
    process = quilt.popen("stats", "-i", "3600", "--json", stdout=subprocess.PIPE)
    assert process.stdout is not None

    (row,) = json.loads(process.stdout.readline())
    process.stdout.close()

    assert row["Name"] == "web"
    assert process.wait(10) == 141


def test_paused_container_is_shown_and_uses_nothing(quilt: Quilt, held: str) -> None:
    """It still holds its memory, and is in every look: --all is not needed for it."""
    assert held
    quilt.ok("run", "-d", "--name", "busy", *NONE, "box", "sh", "-c", "while :; do :; done")
    quilt.ok("pause", "held", "busy")

    before, after = ({row["Name"]: row for row in once(quilt)} for _ in range(2))

    assert [row["State"] for row in after.values()] == ["paused", "paused"]
    assert after["busy"]["CPUNano"] == before["busy"]["CPUNano"]
    assert after["held"]["MemUsage"] > 20_000_000


def test_live_view_shows_containers_and_gives_the_terminal_back(quilt: Quilt, held: str) -> None:
    """In a small window, with Ctrl-C at the end."""
    assert held
    environment = {**quilt.environment, "TERM": "xterm", "NO_COLOR": "1"}
    terminal = Terminal([quilt.command, "stats", "-i", "0.2"], 60, 5, environment)
    terminal.until(lambda one: one.raw.count("\x1b[?2026l") > 2)

    heading, row, *_ = terminal.screen
    code, text = terminal.end(2)
    terminal.close()

    assert heading.startswith("NAME  CPU %")
    assert row.startswith("held  ")
    assert "/ 134MB" in row
    assert (code, "\x1b[?1049l" in text) == (130, True)


def test_gc_records_what_is_used_and_says_nothing(quilt: Quilt, held: str) -> None:
    """One sample of each container that runs; not when it only looks, and not twice in a row."""
    quilt.ok("run", "--name", "done", *NONE, "box", "true")

    printed = [quilt.ok("gc", "--dry-run")]
    before = quilt.sql("SELECT count(*) AS n FROM samples")
    printed += [quilt.ok("gc"), quilt.ok("gc")]

    assert printed == ["", "", ""]
    assert before == [{"n": 0}]
    rows = quilt.sql("SELECT container_id, generation, cpu_ns > 0 AS worked, memory_bytes, pids FROM samples")
    (sample,) = rows
    assert (sample["container_id"], sample["generation"], sample["worked"], sample["pids"]) == (held, 1, 1, 2)
    assert sample["memory_bytes"] > 20_000_000
    (told,) = json.loads(quilt.ok("stats", "--history", "1h", "--json"))
    assert (told["Name"], told["MemUsage"], told["CPU"] > 0) == ("held", sample["memory_bytes"], True)
    assert quilt.ok("stats", "--history", "1h", "held").startswith("held: CPU of one processor")
    quilt.ok("rm", "-f", "-t", "0", "held")
    assert quilt.sql("SELECT count(*) AS n FROM samples") == [{"n": 0}]


def test_gc_forgets_samples_of_more_than_a_week_ago(quilt: Quilt, held: str) -> None:
    """Those of the week stay."""
    import sqlite3

    connection = sqlite3.connect(quilt.root / "quilt.db")
    now = time.time_ns()
    for days in (6, 8):
        connection.execute(
            "INSERT INTO samples (container_id, at, generation) VALUES (?, ?, 1)", (held, now - days * 86_400 * 10**9)
        )
    connection.commit()
    connection.close()

    quilt.ok("gc")

    ages = [(now - row["at"]) // (86_400 * 10**9) for row in quilt.sql("SELECT at FROM samples ORDER BY at")]
    assert ages == [6, -1]
