"""Rows that name a stranger's process: a pid that was used again is never signalled, and the truth is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime import liveness
from tests.hostile.probes import NONE, NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Quilt

OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that is none of ours."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def forge(quilt: Quilt, pid: int, kind: str) -> None:
    """Make a container whose shim is killed, and write that its numbers are now a stranger's.

    ``kind`` is what differs: the stranger began at another time, or it is of another boot.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    began = liveness.start_time(pid)
    assert began is not None
    started, boot = (began - 1, liveness.boot_id()) if kind == "start time" else (began, OTHER_BOOT)
    connection = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
    connection.execute(
        "UPDATE containers SET pid = :pid, pid_started = :started, shim_pid = :pid, shim_started = :started,"
        " boot_id = :boot",
        {"pid": pid, "started": started, "boot": boot},
    )
    connection.close()


@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [
        ("start time", ("stop", "-t", "0", "c"), 0),
        ("boot id", ("kill", "c"), 125),
        ("start time", ("kill", "-s", "STOP", "c"), 125),
        ("start time", ("rm", "-f", "c"), 0),
        ("boot id", ("rm", "-f", "c"), 0),
        ("start time", ("exec", "c", "true"), 125),
        ("boot id", ("wait", "c"), 0),
        ("boot id", ("gc",), 0),
        ("start time", ("start", "c"), 0),
        ("start time", ("run", "--rm", *NONE, "--pid", "container:c", "box", "true"), 125),
    ],
)
def test_stranger_is_left_alone(
    quilt: Quilt, stranger: subprocess.Popen[bytes], kind: str, words: tuple[str, ...], code: int
) -> None:
    """Whatever is done to the container, the stranger lives, and goes on running.

    Seen red with ``open_verified`` and ``alive`` comparing nothing but the pid.
    """
    forge(quilt, stranger.pid, kind)
    done = quilt(*words)
    state = _state(stranger.pid)
    assert (done.returncode, stranger.poll(), state) == (code, None, "S"), done
    quilt.ok("rm", "-f", "-a")
    assert (stranger.poll(), quilt.traces()) == (None, NOTHING)


@pytest.mark.parametrize("kind", ["start time", "boot id"])
def test_truth_is_told(quilt: Quilt, stranger: subprocess.Popen[bytes], kind: str) -> None:
    """ps, inspect and the list of shims say that it has ended, and why that is all they know.

    Seen red as above.
    """
    forge(quilt, stranger.pid, kind)
    reason = {"start time": "supervisor-lost", "boot id": "host-reboot"}[kind]
    assert quilt.ok("ps", "-q") == ""
    assert quilt.ok("ps", "-a", "--format", "{{.State}}") == "exited"
    told = quilt.inspect("c")["State"]
    assert (told["Running"], told["Pid"], told["ExitReason"]) == (False, 0, reason)
    assert quilt.ok("gc").startswith(f"container c: marked exited ({reason})")
    assert stranger.poll() is None


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]
