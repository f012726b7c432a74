"""A hundred containers at once: all true, all right, nothing left."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
NOTHING: dict[str, list[str]] = {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


def test_a_hundred_containers_at_once(quilt: Quilt) -> None:
    """100 run; a third each is killed, stopped and ends by itself, each with its code; rm of all leaves nothing."""

    def start(number: int) -> str:
        script = f"trap 'exit 43' TERM; sleep {8 if number % 3 == 2 else 1000} & wait $!; exit {number}"
        return quilt.ok("run", "-d", "--name", f"c{number}", *NONE, "box", "sh", "-c", script, timeout=120)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(start, range(99)))
    # The last one is started when the others are there, so that all have been running at once.
    ids.append(start(99))
    listed = quilt.ok("ps", "-q", "--no-trunc").splitlines()
    by_themselves = [n for n in range(100) if n % 3 == 2]
    assert set(ids) - {ids[n] for n in by_themselves} <= set(listed)
    quilt.ok("kill", *(f"c{n}" for n in range(100) if n % 3 == 0))
    quilt.ok("stop", *(f"c{n}" for n in range(100) if n % 3 == 1), timeout=120)
    codes = quilt.ok("wait", *(f"c{n}" for n in range(100)), timeout=120).splitlines()
    assert codes == [str({0: 137, 1: 43, 2: n}[n % 3]) for n in range(100)]
    quilt.ok("rm", "-f", "-a", timeout=120)
    assert quilt.traces() == NOTHING


def test_forced_removal_of_many_running_ones(quilt: Quilt) -> None:
    """30 running ones go with one command, and with them everything."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: quilt.ok("run", "-d", *NONE, "box", "sleep", "1000", timeout=120), range(30)))
    assert len(quilt.ok("rm", "-f", "-a").splitlines()) == 30
    assert quilt.traces() == NOTHING


def test_idle_shim_is_small_and_sleeps(quilt: Quilt) -> None:
    """What waits beside a container stays below 4 MiB of its own and uses no CPU time at all."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    shim = quilt.shim_pid("c")
    fields = Path(f"/proc/{shim}/stat").read_text().rpartition(")")[2].split()
    before = int(fields[11]) + int(fields[12])
    switches = _switches(shim)
    quilt.ok("exec", "c", "sleep", "1")
    fields = Path(f"/proc/{shim}/stat").read_text().rpartition(")")[2].split()
    rollup = Path(f"/proc/{shim}/smaps_rollup").read_text().splitlines()
    private_kib = sum(int(line.split()[1]) for line in rollup if line.startswith(("Private_Clean:", "Private_Dirty:")))
    assert int(fields[11]) + int(fields[12]) == before
    assert _switches(shim) == switches
    assert private_kib < 4096


def test_whole_life_takes_few_transactions(quilt: Quilt) -> None:
    """A run in the foreground, its end and its removal write at most six times, each of its events once."""
    quilt.ok("run", "--rm", *NONE, "box", "true")
    events, commits = quilt.sql("SELECT max(seq) AS last FROM events")[0]["last"], _commits(quilt.root)
    quilt.ok("run", "--name", "c", *NONE, "box", "true")
    quilt.ok("rm", "c")
    actions = [row["action"] for row in quilt.sql(f"SELECT action FROM events WHERE seq > {events} ORDER BY seq")]
    assert actions == ["create", "init", "start", "died", "remove"]
    assert 0 < _commits(quilt.root) - commits <= 6


def test_reading_verbs_commit_nothing(quilt: Quilt) -> None:
    """Whatever ps, inspect, logs, wait and events find, the database is as it was."""
    quilt.ok("run", "--name", "c", *NONE, "box", "echo", "x")
    commits = _commits(quilt.root)
    for words in (("ps", "-a"), ("inspect", "c"), ("logs", "c"), ("wait", "c"), ("events", "--stream=false")):
        quilt.ok(*words)
    assert _commits(quilt.root) == commits


def _commits(root: Path) -> int:
    """Return how many transactions the write-ahead log holds (sqlite.org/fileformat2.html, "The Write-Ahead Log").

    A frame that ends a transaction has the size of the database in its header, the others 0; frames of an older
    round of the log have another salt.
    """
    log = (root / "quilt.db-wal").read_bytes()
    page_size, salt = int.from_bytes(log[8:12], "big"), log[16:24]
    frames = (log[at : at + 24] for at in range(32, len(log) - 24, 24 + page_size))
    return sum(1 for frame in frames if frame[8:16] == salt and frame[4:8] != b"\0\0\0\0")


def _switches(pid: int) -> int:
    """Return how often a process has given up the processor by itself: each wake-up is one."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
