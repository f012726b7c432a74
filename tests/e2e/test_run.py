"""`run`: what comes out, what goes in, and the exit code."""

from __future__ import annotations

import hashlib
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


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "exit 125"), 125),
        (("/etc/passwd",), 126),
        (("/etc",), 126),
        (("no-such-program",), 127),
        (("/no/such/program",), 127),
    ],
)
def test_run_exit_code_is_the_programs_or_says_why_there_was_none(
    quilt: Quilt, words: tuple[str, ...], code: int
) -> None:
    """0, the program's own, 126 for what cannot be executed, 127 for what is not there."""
    assert quilt("run", "--rm", *NONE, "box", *words).returncode == code


@pytest.mark.parametrize(("signal_name", "code"), [("KILL", 137), ("TERM", 143)])
def test_run_exit_code_of_a_signal_is_128_and_its_number(quilt: Quilt, signal_name: str, code: int) -> None:
    """A program that a signal ended gives 128+n in the foreground, in `wait` and in `inspect`."""
    quilt.ok("run", "-d", "--init", "--name", "c", *NONE, "box", "sleep", "1000")
    waiting = quilt.popen("wait", "c", stdout=subprocess.PIPE)
    quilt.ok("kill", "-s", signal_name, "c")
    waited = waiting.communicate(timeout=20)[0].decode().strip()
    assert (waited, quilt.inspect("c")["State"]["ExitCode"]) == (str(code), code)


def test_run_keeps_the_streams_apart(quilt: Quilt) -> None:
    """Output goes to output and errors to errors."""
    done = quilt("run", "--rm", *NONE, "box", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 0)


def test_run_without_interactive_has_empty_stdin(quilt: Quilt) -> None:
    """Without -i the program reads nothing, whatever the caller has to say."""
    assert quilt.ok("run", "--rm", *NONE, "box", "cat", stdin=b"not for you") == ""


def test_run_without_interactive_leaves_the_callers_stdin_alone(quilt: Quilt) -> None:
    """What the caller has to read is still there afterwards: a shell loop that reads lines goes on."""
    script = 'while read line; do "$0" run --rm --network none box true; "$0" ps; echo "$line"; done | grep line'
    words = ["sh", "-c", script, quilt.command]
    done = subprocess.run(
        words, input=b"line 1\nline 2\nline 3\n", capture_output=True, env=quilt.environment, check=False
    )
    assert done.stdout == b"line 1\nline 2\nline 3\n"


def test_run_interactive_passes_megabytes_byte_exact(quilt: Quilt, tmp_path: Path) -> None:
    """20 MB of every byte go through stdin and stdout of a container unchanged."""
    data = os.urandom(20 << 20)
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open("rb") as given, (tmp_path / "out").open("wb") as taken:
        process = quilt.popen("run", "-i", "--rm", *NONE, "box", "cat", stdin=given, stdout=taken)
        assert process.wait(60) == 0
    assert hashlib.sha256((tmp_path / "out").read_bytes()).digest() == hashlib.sha256(data).digest()


def test_run_waits_for_a_slow_reader_and_loses_nothing(quilt: Quilt) -> None:
    """A reader that sleeps first still gets all of the output, though the program has ended long since."""
    process = quilt.popen("run", "--rm", *NONE, "box", "seq", "200000", stdout=subprocess.PIPE)
    time.sleep(3.5)
    out = process.communicate(timeout=30)[0]
    assert out.split() == [str(number).encode() for number in range(1, 200001)]


def test_run_is_written_as_ended_though_its_reader_is_stuck(quilt: Quilt) -> None:
    """The truth does not wait for whoever reads the output: the container is `exited` meanwhile."""
    process = quilt.popen("run", "--name", "c", *NONE, "box", "seq", "20000", stdout=subprocess.PIPE)
    deadline = time.monotonic() + 15
    while quilt("inspect", "--format", "{{.State.Status}}", "c").stdout.strip() != "exited":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(process.communicate(timeout=30)[0].split()) == 20000


def test_run_passes_signals_on(quilt: Quilt) -> None:
    """TERM to quiltctl reaches the program, which ends as it likes."""
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = quilt.popen("run", "--rm", *NONE, "box", "sh", "-c", script, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=20)[0], process.returncode) == (b"caught\n", 9)


def test_run_detached_prints_the_whole_id(quilt: Quilt) -> None:
    """64 hex digits, once the program runs."""
    printed = quilt.ok("run", "-d", *NONE, "box", "sleep", "1000")
    assert (len(printed), quilt.inspect(printed)["State"]["Status"]) == (64, "running")


def test_run_detached_of_no_program_leaves_an_error_to_look_at(quilt: Quilt) -> None:
    """Without --rm the failed container stays, with code and sentence; nothing else of it does."""
    done = quilt("run", "-d", "--name", "c", *NONE, "box", "nope")
    state = quilt.inspect("c")["State"]
    assert (done.returncode, done.stdout, state["ExitCode"]) == (127, "", 127)
    assert done.stderr == f"Error: {state['Error']}\n"
    assert quilt.traces()["cgroups"] == []


def test_run_with_rm_leaves_nothing_of_a_failed_start(quilt: Quilt) -> None:
    """A program that is not there, with --rm: no row, no folder, no cgroup, no task."""
    quilt("run", "--rm", *NONE, "box", "nope")
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


def test_run_name_clash_names_the_owner(quilt: Quilt) -> None:
    """A taken name is 125, the message says whose it is, and nothing new is made."""
    owner = quilt.ok("run", "-d", "--name", "web", *NONE, "box", "sleep", "1000")
    done = quilt("run", "-d", "--name", "web", *NONE, "box", "true")
    assert done.returncode == 125
    assert f'the name "web" is taken by container {owner[:12]}' in done.stderr
    assert len(quilt.sql("SELECT id FROM containers")) == 1


def test_run_replace_takes_the_name_over(quilt: Quilt) -> None:
    """--replace ends and removes the owner of the name first."""
    first = quilt.ok("run", "-d", "--name", "web", *NONE, "box", "sleep", "1000")
    second = quilt.ok("run", "-d", "--replace", "--name", "web", *NONE, "box", "sleep", "1000")
    assert [row["id"] for row in quilt.sql("SELECT id FROM containers")] == [second]
    assert first != second


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--name", "-x"), "cannot be the name"),
        (("--memory", "64k"), "--memory 64k is too little"),
        (("-t",), "terminal"),
        (("-v", "/a:/b"), "volumes"),
        (("-p", "80:81:82:83"), 'invalid port "80:81:82:83"'),
        (("--no-such-flag",), "--no-such-flag"),
        (("--stop-signal", "WHAT"), 'invalid signal "WHAT"'),
        (("-w", "relative"), "not an absolute path"),
        (("--network", "none", "--network", "bridge"), "without bridge network mode"),
        (("--network", "none", "--egress", "deny"), "--egress cannot be honoured with --network none"),
        (("--log-opt", "colour=red"), 'unknown log option "colour"'),
        (("--hostname", "a b"), 'invalid host name "a b"'),
        (("--env-file", "/nonexistent"), "cannot read the env file /nonexistent"),
    ],
)
def test_run_refuses_what_it_cannot_honour(quilt: Quilt, flags: tuple[str, ...], sentence: str) -> None:
    """A wrong flag, or one of a later version, is one line and 125, and nothing is made."""
    done = quilt("run", "--rm", *flags, "box", "true")
    assert done.returncode == 125
    assert done.stderr.startswith("Error: ")
    assert sentence in done.stderr.splitlines()[0]
    assert quilt.sql("SELECT id FROM containers") == []


def test_run_of_a_missing_image_says_where_images_come_from(quilt: Quilt) -> None:
    """125 and a hint."""
    done = quilt("run", "--rm", "nope", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (125, 'Error: no such image: "nope"')
    assert done.stderr.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("flags", "script", "said"),
    [
        (("-e", "A=1", "-e", "A=2"), "echo $A", "2"),
        (("--hostname", "box1"), "hostname", "box1"),
        (("-w", "/tmp"), "pwd", "/tmp"),
        (("-u", "tester"), "id -u; id -g; id -G", "1000\n1000\n1000 2000"),
        (("-u", "1:2"), "id -u; id -g; id -G", "1\n2\n2"),
        (("-u", "0"), "echo $HOME", "/root"),
        (("-u", "tester"), "echo $HOME", "/home/tester"),
        (("--shm-size", "1m"), "df -k /dev/shm | tail -1 | awk '{print $2}'", "1024"),
        ((), "umask", "0022"),
        ((), "ulimit -c", "0"),
        ((), "cat /proc/self/oom_score_adj", "0"),
        ((), "ls /proc/self/fd | wc -l", "4"),  # 0, 1, 2, and the one that ls reads with
        ((), "ip link show lo | grep -c LOWER_UP", "1"),
        ((), "cat /sys/class/net/*/ifindex | wc -l", "1"),
        (("--init",), "cat /proc/1/comm; echo $$", "quiltctl\n2"),
    ],
)
def test_run_gives_the_program_the_world_it_was_promised(
    quilt: Quilt, flags: tuple[str, ...], script: str, said: str
) -> None:
    """Environment, names, users, limits and descriptors, as seen from inside."""
    assert quilt.ok("run", "--rm", *NONE, *flags, "box", "sh", "-c", script) == said


def test_run_unknown_user_is_an_error_before_anything_ran(quilt: Quilt) -> None:
    """A user the image does not know is 126, as in podman, and told by name."""
    done = quilt("run", "--rm", *NONE, "-u", "ghost", "box", "true")
    assert (done.returncode, 'unable to find user "ghost"' in done.stderr) == (126, True)


def test_run_missing_workdir_is_126(quilt: Quilt) -> None:
    """A working directory that the user names must exist."""
    assert quilt("run", "--rm", *NONE, "-w", "/nowhere", "box", "true").returncode == 126


def test_run_timeout_kills(quilt: Quilt) -> None:
    """--timeout ends the container with 137, and the reason says so."""
    done = quilt("run", "--name", "c", "--timeout", "1", *NONE, "box", "sleep", "1000")
    assert (done.returncode, quilt.inspect("c")["State"]["ExitReason"]) == (137, "timeout")


def test_run_reads_the_image_from_a_path_and_finds_it_again(quilt: Quilt, rootfs_tar: Path) -> None:
    """A path is imported once; the second time nothing is read, and there is one image more, not two."""
    before = len(quilt.sql("SELECT path FROM image_sources"))
    quilt.ok("run", "--rm", *NONE, rootfs_tar, "true")
    rootfs_tar.chmod(0)
    quilt.ok("run", "--rm", *NONE, rootfs_tar, "true")
    rootfs_tar.chmod(0o644)
    assert len(quilt.sql("SELECT path FROM image_sources")) == before + 1


def test_run_cidfile_lives_as_long_as_the_container(quilt: Quilt, tmp_path: Path) -> None:
    """It holds the id, and goes with the container."""
    cidfile = tmp_path / "cid"
    printed = quilt.ok("run", "-d", "--cidfile", cidfile, *NONE, "box", "sleep", "1000")
    assert cidfile.read_text() == printed
    quilt.ok("rm", "-f", "--cidfile", cidfile)
    assert not cidfile.exists()


def test_run_environment_is_in_no_process_title(quilt: Quilt) -> None:
    """A secret given by --env stands in no command line of what stays behind."""
    quilt.ok("run", "-d", "--init", "-e", "SECRET=hunter2", *NONE, "box", "sleep", "1000")
    titles = [quilt_process_title(pid) for pid in os.listdir("/proc") if pid.isdigit()]
    assert not [title for title in titles if b"hunter2" in title]


def quilt_process_title(pid: str) -> bytes:
    """Return the command line of a process, empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""
