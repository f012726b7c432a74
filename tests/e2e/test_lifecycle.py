"""`create`, `start`, `stop`, `kill`, `rm`, `exec`: the verbs over one container or many."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
POLITE = ("--init", "box", "sleep", "1000")
"""A container whose program ends at TERM: with an init, signals have their usual effect."""
STUBBORN = ("box", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")


def test_create_makes_a_row_and_nothing_else(quilt: Quilt) -> None:
    """A created container is there to be inspected; no process, folder or cgroup is."""
    printed = quilt.ok("create", "--name", "c", *NONE, "box", "true")
    traces = quilt.traces()
    assert quilt.inspect("c")["State"]["Status"] == "created"
    assert (traces["folders"], traces["cgroups"], traces["processes"]) == ([], [], [])
    assert len(printed) == 64


def test_start_finds_the_files_of_the_last_run(quilt: Quilt) -> None:
    """What a container wrote is there when it is started again."""
    quilt.ok("create", "--name", "c", *NONE, "box", "sh", "-c", "echo x >> /log; wc -l < /log")
    assert [quilt.ok("start", "-a", "c") for _ in range(3)] == ["1", "2", "3"]


def test_start_attached_gives_the_programs_code(quilt: Quilt) -> None:
    """`start -a` ends as the program did, and passes stdin with -i."""
    quilt.ok("create", "-i", "--name", "c", *NONE, "box", "sh", "-c", "cat; exit 9")
    done = quilt("start", "-a", "-i", "c", stdin=b"hello")
    assert (done.returncode, done.stdout) == (9, "hello")


def test_start_attached_without_interactive_leaves_the_containers_input_open(quilt: Quilt) -> None:
    """A container that keeps its input open is not told that it has ended, by somebody who only looks on."""
    quilt.ok("create", "-i", "--name", "c", *NONE, "box", "sh", "-c", "read x; echo over")
    process = quilt.popen("start", "-a", "c", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    quilt.eventually(lambda: quilt.inspect("c")["State"]["Status"] == "running")
    time.sleep(0.5)
    before = quilt.inspect("c")["State"]["Status"]
    quilt.ok("kill", "c")
    assert (before, process.communicate(timeout=20)[0]) == ("running", b"")


def test_start_prints_what_was_given_and_a_running_one_is_left_alone(quilt: Quilt) -> None:
    """Each word comes back, by name or id, and a second start changes nothing."""
    printed = quilt.ok("create", "--name", "a", *NONE, "box", "sleep", "1000")
    quilt.ok("create", "--name", "b", *NONE, "box", "sleep", "1000")
    first = quilt.ok("start", printed[:8], "b")
    pid = quilt.inspect("a")["State"]["Pid"]
    assert (first, quilt.ok("start", "a")) == (f"{printed[:8]}\nb", "a")
    assert quilt.inspect("a")["State"]["Pid"] == pid


def test_start_of_a_missing_program_is_125_and_may_be_mended(quilt: Quilt) -> None:
    """A failed start is 125 for `start`, and the container can be started again."""
    quilt.ok("create", "--name", "c", *NONE, "box", "nope")
    assert [quilt("start", "c").returncode for _ in range(2)] == [125, 125]
    assert quilt.inspect("c")["State"]["Status"] == "error"


def test_two_starts_at_once_start_it_once(quilt: Quilt) -> None:
    """Of eight at the same instant one starts the container, and there is one run."""
    quilt.ok("create", "--name", "c", *NONE, "box", "sleep", "1000")
    starts = [quilt.popen("start", "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
    for process in starts:
        process.wait(30)
    assert quilt.sql("SELECT generation, state FROM containers") == [{"generation": 1, "state": "running"}]
    assert len(quilt.traces()["processes"]) == 1


def test_stop_lets_a_polite_program_end_by_itself(quilt: Quilt) -> None:
    """TERM ends it, the code is 143, and the reason says that it was asked for."""
    quilt.ok("run", "-d", "--name", "c", *NONE, *POLITE)
    assert quilt.ok("stop", "c") == "c"
    state = quilt.inspect("c")["State"]
    assert (state["Status"], state["ExitCode"], state["ExitReason"]) == ("exited", 143, "stopped")


def test_stop_kills_who_does_not_listen_and_warns(quilt: Quilt) -> None:
    """After its time a container is killed; that is a warning, and no failure."""
    quilt.ok("run", "-d", "--name", "c", *NONE, *STUBBORN)
    done = quilt("stop", "-t", "1", "c")
    assert (done.returncode, done.stdout) == (0, "c\n")
    assert done.stderr.startswith("Warning: c did not end")
    assert quilt.inspect("c")["State"]["ExitCode"] == 137


def test_stop_of_many_waits_once(quilt: Quilt) -> None:
    """Five stubborn ones take one timeout together, not five."""
    for number in range(5):
        quilt.ok("run", "-d", "--name", f"c{number}", *NONE, *STUBBORN)
    before = time.monotonic()
    quilt("stop", "-t", "2", "-a")
    assert time.monotonic() - before < 8
    assert {row["state"] for row in quilt.sql("SELECT state FROM containers")} == {"exited"}


def test_stop_does_not_block_other_verbs(quilt: Quilt) -> None:
    """While one is being stopped, it and others can be looked at."""
    quilt.ok("run", "-d", "--name", "c", *NONE, *STUBBORN)
    stopping = quilt.popen("stop", "-t", "5", "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    before = time.monotonic()
    assert quilt.inspect("c")["State"]["Status"] == "running"
    quilt.ok("kill", "c")
    assert stopping.wait(20) == 0
    assert time.monotonic() - before < 4


def test_stop_of_a_stopped_one_is_fine_and_of_a_missing_one_is_not(quilt: Quilt) -> None:
    """0 for what does not run, 125 for what does not exist, 0 again with --ignore."""
    quilt.ok("create", "--name", "c", *NONE, "box", "true")
    assert [quilt(*words).returncode for words in (("stop", "c"), ("stop", "x"), ("stop", "-i", "x"))] == [0, 125, 0]


def test_kill_looks_at_the_signal_first(quilt: Quilt) -> None:
    """A bad signal is refused before anybody looks for the container; one that does not run is 125."""
    quilt.ok("create", "--name", "c", *NONE, "box", "true")
    bad, idle = quilt("kill", "-s", "NOPE", "missing"), quilt("kill", "c")
    assert (bad.returncode, bad.stderr.splitlines()[0]) == (125, 'Error: invalid signal "NOPE"')
    assert (idle.returncode, "it is not running" in idle.stderr) == (125, True)


def test_rm_codes(quilt: Quilt) -> None:
    """1 for a missing one, 2 for a running one, 0 for a missing one with --force."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    codes = [quilt(*words).returncode for words in (("rm", "x"), ("rm", "c"), ("rm", "-f", "x"), ("rm", "x", "c"))]
    assert codes == [1, 2, 0, 2]


def test_rm_goes_on_after_a_failure_and_prints_in_order(quilt: Quilt) -> None:
    """What can be removed is, in the order of the words."""
    for name in ("a", "b"):
        quilt.ok("create", "--name", name, *NONE, "box", "true")
    done = quilt("rm", "b", "x", "a")
    assert (done.returncode, done.stdout) == (1, "b\na\n")


def test_rm_force_leaves_no_trace_of_a_running_one(quilt: Quilt) -> None:
    """No row, folder, cgroup, mount or process of it is left, and the name is free."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "sleep 1000 & sleep 1000 & wait")
    quilt.ok("rm", "-f", "c")
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}
    quilt.ok("create", "--name", "c", *NONE, "box", "true")


def test_rm_of_a_tree_no_one_may_enter(quilt: Quilt) -> None:
    """A container that shut its own folders still goes."""
    script = "mkdir -p /a/b/c && touch /a/b/c/d && chmod 0 /a/b /a && exit 0"
    quilt.ok("run", "--name", "c", *NONE, "box", "sh", "-c", script)
    quilt.ok("rm", "c")
    assert quilt.traces()["folders"] == []


@pytest.mark.parametrize(
    ("words", "code"), [(("true",), 0), (("sh", "-c", "exit 9"), 9), (("/etc",), 126), (("nope",), 127)]
)
def test_exec_exit_code_is_the_programs(quilt: Quilt, words: tuple[str, ...], code: int) -> None:
    """0, its own, 126 and 127, as for run."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    assert quilt("exec", "c", *words).returncode == code


def test_exec_ended_by_a_signal_is_128_and_its_number(quilt: Quilt) -> None:
    """A program that kills itself with TERM gives 143."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    assert quilt("exec", "c", "sh", "-c", "kill -TERM $$").returncode == 143


def test_exec_needs_a_running_container(quilt: Quilt) -> None:
    """125 and a hint for one that was only created."""
    quilt.ok("create", "--name", "c", *NONE, "box", "true")
    done = quilt("exec", "c", "true")
    assert (done.returncode, "it is not running" in done.stderr) == (125, True)


def test_exec_is_inside_and_as_confined_as_the_first_process(quilt: Quilt) -> None:
    """Same namespaces, capabilities, cgroup and no_new_privs as PID 1."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    look = "for n in mnt pid uts ipc net cgroup; do readlink /proc/{}/ns/$n; done; grep -E 'Cap|NoNew' /proc/{}/status"
    ours, first = (quilt.ok("exec", "c", "sh", "-c", look.replace("{}", who)) for who in ("self", "1"))
    assert ours == first
    pids = [row["pid"] for row in quilt.sql("SELECT pid FROM containers")]
    exec_cgroup = quilt.ok("exec", "c", "cat", "/proc/self/cgroup")
    assert "/../" not in exec_cgroup
    assert len(pids) == 1


def test_exec_user_and_groups(quilt: Quilt) -> None:
    """`-u` takes names and numbers, a number is never a name, and the groups are always set."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    said = [quilt.ok("exec", "-u", user, "c", "sh", "-c", "echo $(id -u) $(id -G)") for user in ("tester", "1", "5:6")]
    assert said == ["1000 1000 2000", "1 1", "5 6"]


def test_exec_passes_megabytes_byte_exact(quilt: Quilt, tmp_path: Path) -> None:
    """20 MB through stdin and stdout of an exec, unchanged."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    data = os.urandom(20 << 20)
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open("rb") as given, (tmp_path / "out").open("wb") as taken:
        assert quilt.popen("exec", "-i", "c", "cat", stdin=given, stdout=taken).wait(60) == 0
    assert (tmp_path / "out").read_bytes() == data


def test_exec_returns_though_a_child_holds_its_output(quilt: Quilt) -> None:
    """A background process that keeps stdout open does not keep exec."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    before = time.monotonic()
    assert quilt.ok("exec", "c", "sh", "-c", "sleep 30 & echo done") == "done"
    assert time.monotonic() - before < 10


def test_exec_detached_prints_a_session_and_leaves_it_running(quilt: Quilt) -> None:
    """`-d` comes back at once; the program goes on inside."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    session = quilt.ok("exec", "-d", "c", "sh", "-c", "sleep 0.2; touch /done; sleep 1000")
    quilt.eventually(lambda: quilt("exec", "c", "test", "-e", "/done").returncode == 0)
    assert len(session) == 64


def test_wait_answers_for_a_container_that_removed_itself(quilt: Quilt) -> None:
    """The code of a run with --rm is told, also after everything of it is gone."""
    printed = quilt.ok("run", "-d", "--rm", *NONE, "box", "sh", "-c", "exit 5")
    assert quilt.ok("wait", printed) == "5"
    quilt.eventually(lambda: not quilt.traces()["folders"])
    assert quilt.ok("wait", printed) == "5"


def test_rename_keeps_the_container_running(quilt: Quilt) -> None:
    """The new name works at once, and the old one no more."""
    quilt.ok("run", "-d", "--name", "old", *NONE, "box", "sleep", "1000")
    quilt.ok("rename", "old", "new")
    assert quilt.ok("exec", "new", "echo", "here") == "here"
    assert quilt("inspect", "old").returncode == 125


def test_shim_that_is_asked_to_end_stops_its_container(quilt: Quilt) -> None:
    """As at the shutdown of the host: the stop signal, its time, then KILL; the code is recorded."""
    trap = "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"
    polite = quilt.ok("run", "-d", "--name", "polite", *NONE, "box", "sh", "-c", trap)
    quilt.eventually((quilt.root / "containers" / polite / "upper" / "ready").exists)
    quilt.ok("run", "-d", "--name", "deaf", "--stop-timeout", "1", *NONE, "box", "sleep", "1000")
    for name in ("polite", "deaf"):
        os.kill(quilt.shim_pid(name), signal.SIGTERM)
    assert quilt.ok("wait", "polite", "deaf").split() == ["9", "137"]
    assert {quilt.inspect(name)["State"]["ExitReason"] for name in ("polite", "deaf")} == {"stopped"}


def test_end_that_meets_the_timeout_keeps_its_code(quilt: Quilt) -> None:
    """When the shim wakes, the program has ended and its time is over, both."""
    quilt.ok("run", "-d", "--name", "c", "--timeout", "2", *NONE, "box", "sh", "-c", "sleep 0.3; exit 7")
    shim = quilt.shim_pid("c")
    os.kill(shim, signal.SIGSTOP)
    time.sleep(2.1)
    os.kill(shim, signal.SIGCONT)
    assert quilt.ok("wait", "c") == "7"
    assert quilt.inspect("c")["State"]["ExitReason"] == "exited"


def test_shim_that_is_told_to_end_lets_a_paused_container_hear_it(either: Quilt) -> None:
    """It goes on, gets its stop signal, and has its time."""
    trap = "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"
    container_id = either.ok("run", "-d", "--name", "c", "--stop-timeout", "-1", *NONE, "box", "sh", "-c", trap)
    either.eventually((either.root / "containers" / container_id / "upper" / "ready").exists)
    either.ok("pause", "c")
    os.kill(either.shim_pid("c"), signal.SIGTERM)
    assert either.ok("wait", "c", timeout=20) == "9"
