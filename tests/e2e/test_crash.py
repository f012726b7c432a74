"""kill -9 at the worst moment: what dies with it, what is told, and what `gc` finds."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
NOTHING: dict[str, list[str]] = {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


def alive(pid: int) -> bool:
    """Return whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_killed_shim_takes_its_container_along(quilt: Quilt) -> None:
    """After kill -9 of the shim all processes of the container are gone within 100 ms, and ps tells it at once."""
    quilt.ok(
        "run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait"
    )
    quilt.eventually(lambda: len(quilt.ok("exec", "c", "ps").splitlines()) >= 10)
    pids = [
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdigit() and f"upperdir={quilt.root}/" in _read(f"/proc/{entry}/mountinfo")
    ]
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    deadline = time.monotonic() + 0.1
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (len(pids), [pid for pid in pids if alive(pid)]) == (9, [])
    shown = quilt.ok("ps", "-a", "--format", "{{.State}} {{.ExitCode}}")
    assert shown == "exited -1"
    assert quilt.inspect("c")["State"]["ExitReason"] == "supervisor-lost"


def test_reading_after_a_killed_shim_writes_nothing(quilt: Quilt) -> None:
    """ps, inspect and wait tell the truth and leave the row as it was; gc mends it, and is silent the second time."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    assert quilt.ok("wait", "c") == "-1"
    assert quilt.sql("SELECT state FROM containers") == [{"state": "running"}]
    assert quilt.ok("gc") == "container c: marked exited (supervisor-lost)"
    assert quilt.sql("SELECT state, exit_code, exit_reason FROM containers") == [
        {"state": "exited", "exit_code": None, "exit_reason": "supervisor-lost"}
    ]
    assert (quilt.ok("gc"), quilt.traces()["cgroups"]) == ("", [])


def test_foreground_run_of_a_killed_shim_says_that_nobody_knows(quilt: Quilt) -> None:
    """The foreground ends with 125 and the reason, not with a guess."""
    process = quilt.popen("run", "--name", "c", *NONE, "box", "sleep", "1000", stderr=subprocess.PIPE)
    quilt.eventually(lambda: quilt.ok("ps", "-q") != "")
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    said = process.communicate(timeout=20)[1].decode()
    assert (process.returncode, "its exit code is unknown" in said) == (125, True)


def test_killed_foreground_leaves_the_container_running(quilt: Quilt) -> None:
    """A kill -9 of `run` takes nothing down; the container ends later, with its code."""
    process = quilt.popen("run", "--name", "c", *NONE, "box", "sh", "-c", "sleep 1; echo late; exit 4")
    quilt.eventually(lambda: quilt.ok("ps", "-q") != "")
    process.kill()
    process.wait()
    assert quilt.ok("wait", "c") == "4"
    assert quilt.ok("logs", "c") == "late"


def test_killed_run_at_any_moment_leaves_nothing_that_gc_does_not_find(quilt: Quilt) -> None:
    """30 x kill -9 of `run -d` at random moments; then rm -f of all that is listed, and gc: nothing is left."""
    chance = random.Random(7)
    for number in range(30):
        process = quilt.popen(
            "run", "-d", "--name", f"c{number}", *NONE, "box", "sleep", "1000", stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.005, 0.12))
        process.kill()
        process.wait()
    time.sleep(0.5)
    quilt.ok("rm", "-f", "-a")
    quilt.ok("gc")
    assert quilt.ok("gc") == ""
    assert quilt.traces() == NOTHING


def kill_shim(quilt: Quilt, name: str) -> None:
    """Kill the shim of a container that is there and has not ended."""
    query = f"SELECT shim_pid FROM containers WHERE name = '{name}' AND state IN ('starting', 'running')"
    for row in quilt.sql(query):
        with contextlib.suppress(ProcessLookupError):
            os.kill(row["shim_pid"], signal.SIGKILL)


def test_killed_shim_at_any_moment_of_a_start_is_undone(quilt: Quilt) -> None:
    """Shims killed while they build: the next gc and rm leave nothing, and every name can be used again."""
    chance = random.Random(11)
    for number in range(15):
        process = quilt.popen(
            "run", "-d", "--name", f"c{number}", *NONE, "box", "sleep", "1000",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(chance.uniform(0.02, 0.1))
        kill_shim(quilt, f"c{number}")
        process.wait(30)
        kill_shim(quilt, f"c{number}")  # where the machine was too busy to have begun
    quilt.ok("gc")
    assert {row["state"] for row in quilt.sql("SELECT state FROM containers")} <= {"exited", "error"}
    assert quilt.ok("gc") == ""
    quilt.ok("rm", "-a")
    assert quilt.traces() == NOTHING


def test_exit_code_arrives_though_the_program_was_removed_meanwhile(quilt: Quilt, tmp_path: Path) -> None:
    """Uninstalled while a container runs: the exit record tells, and another installation reads it."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    copy = tmp_path / "site"
    copy.mkdir()
    shutil.copytree(f"{site}/quiltctl", copy / "quiltctl")
    for extra in (*Path(site).glob("*prctl*"), *Path(site).glob("pyseccomp*")):
        (shutil.copytree if extra.is_dir() else shutil.copy)(extra, copy / extra.name)
    interpreter = os.path.realpath(sys.executable)
    launch = f"import sys; sys.path.insert(0, {str(copy)!r}); from quiltctl.__main__ import main; main()"
    words = ["run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "sleep 1; exit 6"]
    subprocess.run(
        [interpreter, "-S", "-c", launch, *words], env=quilt.environment, check=True, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(copy)
    assert quilt.ok("wait", "c") == "6"
    assert quilt.inspect("c")["State"]["ExitCode"] == 6
    assert quilt.sql("SELECT state FROM containers") == [{"state": "running"}]
    quilt.ok("gc")
    assert quilt.sql("SELECT state, exit_code FROM containers") == [{"state": "exited", "exit_code": 6}]


def test_exit_code_arrives_though_the_database_was_locked(quilt: Quilt) -> None:
    """A container that ends while somebody holds the database: readers know the code, and the row follows."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "sleep 0.5; exit 6")
    import sqlite3

    connection = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(1.5)
    held = quilt.inspect("c")["State"]["ExitCode"], quilt.inspect("c")["State"]["Status"]
    connection.execute("ROLLBACK")
    connection.close()
    quilt.eventually(lambda: quilt.sql("SELECT state FROM containers") == [{"state": "exited"}])
    assert (held, quilt.inspect("c")["State"]["ExitCode"]) in (((0, "running"), 6), ((6, "exited"), 6))


def test_reboot_is_noticed(quilt: Quilt) -> None:
    """A row of another boot is told as ended by the reboot, whatever pids say, and gc writes it."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    shim = quilt.shim_pid("c")
    import sqlite3

    connection = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
    connection.execute("UPDATE containers SET boot_id = '00000000-0000-0000-0000-000000000000'")
    connection.close()
    state = quilt.inspect("c")["State"]
    os.kill(shim, signal.SIGKILL)
    assert (state["Status"], state["ExitReason"], state["ExitCode"]) == ("exited", "host-reboot", -1)
    assert quilt.ok("gc") == "container c: marked exited (host-reboot)"


def test_two_gcs_at_once_are_safe(quilt: Quilt) -> None:
    """Eight at the same time: all end with 0, and what was wrong is mended once."""
    for number in range(5):
        quilt.ok("run", "-d", "--name", f"c{number}", *NONE, "box", "sleep", "1000")
        os.kill(quilt.shim_pid(f"c{number}"), signal.SIGKILL)
    sweeps = [quilt.popen("gc", stdout=subprocess.PIPE) for _ in range(8)]
    said = [process.communicate(timeout=60)[0].decode() for process in sweeps]
    assert [process.returncode for process in sweeps] == [0] * 8
    assert sorted("".join(said).splitlines()) == [f"container c{n}: marked exited (supervisor-lost)" for n in range(5)]


def test_gc_dry_run_says_and_does_nothing(quilt: Quilt) -> None:
    """The line is there, and so is what it speaks of."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    assert quilt.ok("gc", "--dry-run") == "container c: would be marked exited (supervisor-lost)"
    assert quilt.sql("SELECT state FROM containers") == [{"state": "running"}]


def test_gc_finds_what_has_no_row(quilt: Quilt) -> None:
    """A folder and a cgroup that no row speaks of are removed, with what still runs in them; strangers' stay."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    folder = quilt.root / "containers" / ("f" * 64)
    (folder / "upper").mkdir(parents=True)
    (quilt.root / "containers" / "notes").mkdir()
    said = quilt.ok("gc")
    assert said == f"folder {'f' * 64}: removed"
    assert sorted(path.name[:5] for path in (quilt.root / "containers").iterdir()) == sorted(
        [quilt.inspect("c")["Id"][:5], "notes"]
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
