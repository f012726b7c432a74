"""`update`: limits that change while the container runs, and stay."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_limits import NONE, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.e2e.conftest import Quilt

    Pausing = Callable[[str, str], tuple[Quilt, Callable[[], AbstractContextManager[None]]]]

pytestmark = pytest.mark.needs("root")
MIB = 1 << 20
MEMORY = ("memory", "memory.max", "memory.limit_in_bytes")
HOLD = "x=aaaaaaaa; for i in $(seq 22); do x=$x$x; done; touch /held; sleep 1000; true"
"""Takes some 32 MiB and keeps them."""
PROCESSORS = ("--cpuset-cpus", "0", "--memory", "128m")
"""For these its processes have to be brought under a controller."""
ROW = "with transaction(connection):\n            same = "


def test_memory_is_changed_while_it_runs(either: Quilt) -> None:
    """Raised, lowered and lifted; the kernel, inspect and the next start have it."""
    either.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "box", "sleep", "1000")
    container_id = either.inspect("c")["Id"]
    for given, size in (("128m", 128 * MIB), ("32m", 32 * MIB)):
        assert either.ok("update", "--memory", given, "c") == container_id
        assert value(either, "c", *MEMORY) == str(size)
        assert either.inspect("c")["HostConfig"]["Memory"] == size
    either.ok("stop", "-t", "0", "c")
    either.ok("start", "c")
    assert value(either, "c", *MEMORY) == str(32 * MIB)
    either.ok("update", "-m", "0", "c")
    assert value(either, "c", *MEMORY) == "max" or int(value(either, "c", *MEMORY)) > 1 << 60
    assert either.inspect("c")["State"]["Running"]


def test_only_what_is_given_changes(quilt: Quilt) -> None:
    """The others stay as they are, in the kernel and in inspect."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "-m", "64m", "--pids-limit", "9", "--cpus", "1", "box", "sleep", "1000")
    before = quilt.inspect("c")["HostConfig"]
    quilt.ok("update", "--cpus", "0.25", "c")
    after = quilt.inspect("c")["HostConfig"]
    assert {key for key in before if before[key] != after[key]} == {"NanoCpus"}
    assert (value(quilt, "c", *MEMORY), value(quilt, "c", "pids", "pids.max")) == (str(64 * MIB), "9")
    assert value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0] == "25000"


def test_processors_are_given_to_all_that_runs_in_it(either: Quilt) -> None:
    """It was not bound to any before: every process of it comes along, those of exec too."""
    either.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "sleep 1000 & sleep 1000 & wait")
    either.ok("exec", "-d", "c", "sleep", "1000")
    either.ok("update", "--cpuset-cpus", "0", "c")
    told = either.ok("exec", "c", "sh", "-c", "grep -h Cpus_allowed_list /proc/[0-9]*/status")
    lists = {line.split()[1] for line in told.splitlines()}
    assert lists == {"0"}
    assert len(told.splitlines()) >= 5


@pytest.mark.parametrize(
    ("first", "then", "quota"),
    [
        (("--cpus", "0.5"), ("--cpus", "0"), "-1"),
        (("--cpu-quota", "30000"), ("--cpu-quota", "-1"), "-1"),
        (("--cpu-quota", "30000"), ("--cpu-period", "50000"), "30000"),
        (("--cpus", "0.5"), ("--cpu-quota", "30000"), "30000"),
    ],
)
def test_limit_of_processors_is_lifted_and_changed(
    either: Quilt, first: tuple[str, str], then: tuple[str, str], quota: str
) -> None:
    """The kernel has what was said last, also where v1 wants it in three writes."""
    either.ok("run", "-d", "--name", "c", *NONE, *first, "box", "sleep", "1000")
    either.ok("update", *then, "c")
    assert value(either, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0].replace("max", "-1") == quota


def test_container_that_does_not_run_is_limited_from_its_next_start(quilt: Quilt) -> None:
    """It has no cgroup now."""
    quilt.ok("create", "--name", "c", *NONE, "box", "sleep", "1000")
    quilt.ok("update", "--memory", "64m", "--pids-limit", "9", "c")
    quilt.ok("start", "c")
    assert (value(quilt, "c", *MEMORY), value(quilt, "c", "pids", "pids.max")) == (str(64 * MIB), "9")


def test_paused_container_stays_paused(either: Quilt) -> None:
    """Also where its processes had to be brought under a controller."""
    either.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    either.ok("pause", "c")
    either.ok("update", "--cpuset-cpus", "0", "c")
    assert either.inspect("c")["State"]["Paused"]
    assert either.ok("gc") == ""
    either.ok("unpause", "c")
    assert either.ok("exec", "c", "nproc") == "1"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--memory", "8m"), "it uses more than that now"),
        (("--memory-swap", "16m"), "--memory-swap is below --memory"),
        (
            ("--memory", "64m", "--cpus", "0.5", "--cpuset-cpus", "9999"),
            "--cpuset-cpus 9999 names what this host has not",
        ),
        (("--memory-swappiness", "500"), "invalid --memory-swappiness 500"),
        ((), "nothing to change was given"),
        (("--restart", "always"), "--restart"),
    ],
)
def test_value_that_is_refused_changes_nothing(either: Quilt, words: tuple[str, ...], error: str) -> None:
    """Not the others that were given with it, and nobody is killed."""
    either.ok("run", "-d", "--name", "c", *NONE, "--memory", "128m", "box", "sh", "-c", HOLD)
    either.eventually(lambda: either("exec", "c", "ls", "/held").returncode == 0)
    before = either.inspect("c")
    kernel = (value(either, "c", *MEMORY), value(either, "c", "cpu", "cpu.max", "cpu.cfs_quota_us"))
    done = either("update", *words, "c")
    assert (done.returncode, done.stdout, error in done.stderr) == (125, "", True), done
    assert either.inspect("c") == before
    assert (value(either, "c", *MEMORY), value(either, "c", "cpu", "cpu.max", "cpu.cfs_quota_us")) == kernel


def test_limits_are_as_they_were_when_the_row_cannot_be_written(quilt: Quilt, pausing: Pausing) -> None:
    """Somebody holds the database longer than anybody waits, when the kernel has its new limits already."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "box", "sleep", "1000")
    slow, pause = pausing("runtime/lifecycle/update_limits.py", ROW)
    failing = slow.popen("update", "--memory", "128m", "--cpus", "0.5", "c", stderr=-1)
    with pause():
        assert value(quilt, "c", *MEMORY) == str(128 * MIB)
        writer = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
    _, told = failing.communicate(timeout=60)
    writer.execute("ROLLBACK")
    writer.close()
    assert (failing.returncode, told[:7]) == (125, b"Error: ")
    assert value(quilt, "c", *MEMORY) == str(64 * MIB)
    assert value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0] in {"max", "-1"}
    assert quilt.inspect("c")["HostConfig"]["NanoCpus"] == 0


def test_several_are_changed_and_the_missing_one_is_told(quilt: Quilt) -> None:
    """Each prints its id; the worst code is the last word."""
    ids = [quilt.ok("run", "-d", "--name", name, *NONE, "box", "sleep", "1000") for name in ("a", "b")]
    done = quilt("update", "--pids-limit", "33", "a", "nobody", "b")
    assert (done.returncode, done.stdout.split()) == (125, ids)
    assert 'no such container: "nobody"' in done.stderr
    assert [value(quilt, name, "pids", "pids.max") for name in ("a", "b")] == ["33", "33"]
    told = quilt.ok("events", "--stream=false", "--since", "1h", "--filter", "event=update", "--format", "{{.Name}}")
    assert told.split() == ["a", "b"]


def test_program_dies_by_the_new_limit(quilt: Quilt) -> None:
    """It is a limit, and not a word."""
    hog = 'read go < /fifo; x=aaaaaaaa; while :; do x="$x$x"; done'
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", f"mkfifo /fifo; touch /made; {hog}")
    quilt.eventually(lambda: quilt("exec", "c", "ls", "/made").returncode == 0)
    quilt.ok("update", "--memory", "64m", "c")
    quilt.ok("exec", "c", "sh", "-c", "echo > /fifo")
    assert quilt.ok("wait", "c") == "137"
    assert quilt.inspect("c")["State"]["OOMKilled"]


@pytest.mark.parametrize(
    ("words", "module", "line"),
    [
        (("--memory", "128m", "--cpus", "0.5"), "runtime/lifecycle/update_limits.py", "change.carry_out("),
        (("--memory", "128m", "--cpus", "0.5"), "runtime/cgroup/change.py", "limits.write_all("),
        (("--memory", "128m", "--cpus", "0.5"), "runtime/lifecycle/update_limits.py", ROW),
        (PROCESSORS, "runtime/cgroup/change.py", "for controller in controllers:"),
        (PROCESSORS, "runtime/lifecycle/update_limits.py", "undo = change.present("),
        (PROCESSORS, "runtime/lifecycle/update_limits.py", ROW),
    ],
)
def test_update_that_is_killed_is_taken_back(
    quilt: Quilt, pausing: Pausing, words: tuple[str, ...], module: str, line: str
) -> None:
    """Before the kernel is told, in the middle, and before the row is written: all is as it was."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "box", "sleep", "1000")
    slow, pause = pausing(module, line)
    killed = slow.popen("update", *words, "c")
    with pause():
        assert quilt.ok("gc") == ""  # it goes on
        killed.kill()
        killed.wait()
    assert quilt.ok("gc", "--dry-run") == "limits c: would be restored"
    assert quilt.ok("gc") == "limits c: restored"
    assert quilt.ok("gc") == ""
    state, host = quilt.inspect("c")["State"], quilt.inspect("c")["HostConfig"]
    assert (state["Running"], host["Memory"], host["NanoCpus"], host["CpusetCpus"]) == (True, 64 * MIB, 0, "")
    assert value(quilt, "c", *MEMORY) == str(64 * MIB)
    assert value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0] in {"max", "-1"}
    assert int(quilt.ok("exec", "c", "nproc")) == os.cpu_count()


def test_update_after_one_that_was_killed_begins_from_what_was(quilt: Quilt, pausing: Pausing) -> None:
    """It takes the other back first."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "box", "sleep", "1000")
    slow, pause = pausing("runtime/lifecycle/update_limits.py", ROW)
    killed = slow.popen("update", "--cpus", "0.5", "c")
    with pause():
        killed.kill()
        killed.wait()
    quilt.ok("update", "--memory", "128m", "c")
    assert value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0] in {"max", "-1"}
    assert value(quilt, "c", *MEMORY) == str(128 * MIB)
    assert quilt.ok("gc") == ""


def test_update_while_it_is_started_is_in_force(quilt: Quilt, pausing: Pausing) -> None:
    """Whoever starts it has read its limits before, and takes those that are there when it writes."""
    quilt.ok("create", "--name", "c", *NONE, "box", "sleep", "1000")
    slow, pause = pausing("runtime/lifecycle/start.py", "with transaction(connection):")
    starting = slow.popen("start", "c")
    with pause():
        quilt.ok("update", "--pids-limit", "9", "c")
    assert starting.wait(20) == 0
    assert value(quilt, "c", "pids", "pids.max") == "9"


def test_start_while_it_is_updated_gets_the_limits_as_well(quilt: Quilt, pausing: Pausing) -> None:
    """The update finds a container that runs, where there was none to limit when it began."""
    quilt.ok("create", "--name", "c", *NONE, "box", "sleep", "1000")
    slow, pause = pausing("runtime/lifecycle/update_limits.py", ROW)
    updating = slow.popen("update", "--pids-limit", "9", "c")
    with pause():
        quilt.ok("start", "c")
    time.sleep(1)  # it has left that line by then
    with pause():  # once more, now for the one that runs
        pass
    assert updating.wait(20) == 0
    assert value(quilt, "c", "pids", "pids.max") == "9"


def test_update_that_was_killed_and_cannot_be_taken_back_is_told(quilt: Quilt, pausing: Pausing) -> None:
    """The container has used the memory that it was given meanwhile: gc says so, does all else, and kills nobody."""
    program = f"mkfifo /fifo; touch /up; read go < /fifo; {HOLD}"
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "16m", "box", "sh", "-c", program)
    quilt.eventually(lambda: quilt("exec", "c", "ls", "/up").returncode == 0)
    slow, pause = pausing("runtime/lifecycle/update_limits.py", ROW)
    killed = slow.popen("update", "--memory", "256m", "c")
    with pause():
        killed.kill()
        killed.wait()
    quilt.ok("exec", "c", "sh", "-c", "echo > /fifo")
    quilt.eventually(lambda: quilt("exec", "c", "ls", "/held").returncode == 0)
    told = quilt("gc")
    assert (told.returncode, told.stdout) == (125, ""), told
    assert "limits c: could not be restored" in told.stderr
    assert quilt.inspect("c")["State"]["Running"]
    assert value(quilt, "c", *MEMORY) == str(256 * MIB)
    quilt.ok("update", "--memory", "128m", "c")
    assert value(quilt, "c", *MEMORY) == str(128 * MIB)
    assert quilt.ok("gc") == ""


def test_pause_outlives_an_update_that_was_killed(quilt: Quilt, pausing: Pausing) -> None:
    """The update had frozen the container for a moment; somebody wants it to stand still."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    slow, pause = pausing("runtime/cgroup/change.py", "for controller in controllers:")
    killed = slow.popen("update", *PROCESSORS, "c")
    with pause():
        killed.kill()
        killed.wait()
    quilt.ok("pause", "c")
    assert quilt.ok("gc") == "limits c: restored"
    assert quilt.inspect("c")["State"]["Paused"]
    assert quilt.ok("gc") == ""
