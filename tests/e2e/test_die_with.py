"""Containers that end with the process that wants them, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("root")
NONE = ("--network", "none")
NAP = ("box", "sleep", "1000")


@pytest.fixture
def job() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that containers shall end with."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process as a scheduler does it whose patience is over."""
    process.kill()
    process.wait()


def ticks(pid: int) -> int:
    """Return the processor time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def test_container_ends_with_the_process_that_is_named(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """By its stop signal, soon, without anybody looking; the reason is told."""
    trap = "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"
    bound = ("--die-with", str(job.pid))
    container_id = quilt.ok("run", "-d", "--name", "c", *bound, *NONE, "box", "sh", "-c", trap)
    quilt.eventually((quilt.root / "containers" / container_id / "upper" / "ready").exists)
    end(job)
    assert quilt.ok("wait", "c") == "9"
    state = quilt.inspect("c")["State"]
    assert (state["Status"], state["ExitReason"]) == ("exited", "caller-ended")


def test_nothing_is_left_of_a_job_that_was_killed(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """With --rm: neither the container, nor its name, nor a cgroup, nor a process, before gc."""
    quilt.ok("run", "-d", "--rm", "--name", "job", "--stop-timeout", "0", "--die-with", str(job.pid), *NONE, *NAP)
    end(job)
    quilt.eventually(lambda: quilt.ok("ps", "-aq") == "")
    quilt.eventually(lambda: not any(quilt.traces().values()))
    assert quilt.ok("gc") == ""
    quilt.ok("run", "--rm", "--name", "job", *NONE, "box", "true")


def test_program_that_ignores_its_signal_is_killed_in_time(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """And the shim sleeps while it waits for that."""
    quilt.ok("run", "-d", "--name", "c", "--stop-timeout", "2", "--die-with", str(job.pid), *NONE, *NAP)
    shim = quilt.shim_pid("c")
    before = ticks(shim)
    end(job)
    time.sleep(1)
    assert ticks(shim) - before < 20  # hundredths of a second; it had the whole one
    assert quilt.ok("wait", "c") == "137"
    assert quilt.inspect("c")["State"]["ExitReason"] == "caller-ended"


def test_paused_container_ends_as_well(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """It is let go for that."""
    quilt.ok("run", "-d", "--name", "c", "--init", "--die-with", str(job.pid), *NONE, *NAP)
    quilt.ok("pause", "c")
    end(job)
    assert quilt.ok("wait", "c") == "143"


def test_foreground_ends_with_its_parent(quilt: Quilt) -> None:
    """The shell is killed; the command that it had called, which still lives, gives the container's code."""
    words = " ".join(["--rm", "--name", "c", "--init", "--die-with-parent", *NONE, *NAP])
    shell = subprocess.Popen(
        ["sh", "-c", f"{quilt.command} run {words}; echo never"], env=quilt.environment, stdout=subprocess.PIPE
    )
    quilt.eventually(lambda: quilt.ok("ps", "-q") != "")
    shell.kill()
    told, _ = shell.communicate(timeout=20)  # the pipe closes with the last that holds it
    assert told == b""
    quilt.eventually(lambda: quilt.ok("ps", "-aq") == "")


def test_container_goes_on_while_its_parent_lives(quilt: Quilt) -> None:
    """To the end, with the program's own code."""
    assert quilt("run", "--rm", "--die-with-parent", *NONE, "box", "sh", "-c", "sleep 1; exit 5").returncode == 5


def test_process_that_ended_during_the_start_ends_it_too(quilt: Quilt) -> None:
    """It was held before anything was begun: what has got its number since is somebody else."""
    short = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.4)"])
    done = quilt("run", "-d", "--name", "c", "--stop-timeout", "0", "--die-with", str(short.pid), *NONE, *NAP)
    short.wait()
    if done.returncode == 0:  # else it had ended before
        assert quilt.ok("wait", "c") == "137"


def test_next_start_is_bound_to_nobody(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """Whoever starts it again is another."""
    quilt.ok("run", "-d", "--name", "c", "--stop-timeout", "0", "--die-with", str(job.pid), *NONE, *NAP)
    end(job)
    quilt.ok("wait", "c")
    quilt.ok("start", "c")
    time.sleep(0.3)
    assert quilt.inspect("c")["State"]["Running"]


def test_published_port_and_binding_go_together(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """Both are descriptors of the shim, one after the other."""
    bound = ("--stop-timeout", "0", "--die-with", str(job.pid))
    quilt.ok("run", "-d", "--rm", "--name", "c", "-p", "127.0.0.1:8099:80", *bound, *NAP)
    time.sleep(0.3)
    assert quilt.inspect("c")["State"]["Running"]  # it is not the port that it ends with
    end(job)
    quilt.eventually(lambda: quilt.ok("ps", "-aq") == "")
    quilt.ok("run", "-d", "--rm", "--name", "c", "-p", "127.0.0.1:8099:80", *NAP)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("-d", "--die-with-parent"), "--die-with-parent cannot be given with --detach"),
        (("--die-with", "1"), "that is the first process, which never ends"),
        (("--die-with", "0"), "no such process can be waited for"),
        (("--die-with", "-5"), "no such process can be waited for"),
        (("--die-with", str(2**22 + 1)), "there is no such process"),
        (("--die-with", str(2**70)), "there is no such process"),
        (("--die-with", "5", "--die-with-parent"), "exclude each other"),
    ],
)
def test_what_nobody_can_be_bound_to_is_refused(quilt: Quilt, flags: tuple[str, ...], sentence: str) -> None:
    """Before anything is made, with a way out."""
    done = quilt("run", *flags, *NONE, "box", "true")
    assert (done.returncode, sentence in done.stderr) == (125, True), done
    assert quilt.ok("ps", "-aq") == ""


def test_create_has_nobody_to_bind_to(quilt: Quilt) -> None:
    """Who makes it is not who starts it."""
    done = quilt("create", "--die-with", str(os.getpid()), "box", "true")
    assert (done.returncode, "only run has a process to end with" in done.stderr) == (125, True)


def test_signal_from_elsewhere_is_no_end_of_the_caller(quilt: Quilt, job: subprocess.Popen[bytes]) -> None:
    """A stop is a stop, also where somebody could have ended."""
    quilt.ok("run", "-d", "--name", "c", "--init", "--die-with", str(job.pid), *NONE, *NAP)
    os.kill(quilt.shim_pid("c"), signal.SIGTERM)
    assert quilt.ok("wait", "c") == "143"
    assert quilt.inspect("c")["State"]["ExitReason"] == "stopped"
