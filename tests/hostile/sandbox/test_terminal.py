"""The program cannot type into the terminal of whoever has called the command (CVE-2017-5226)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import termios
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")


def on_terminal(quilt: Quilt, *words: str) -> str:
    """Run the command in a session of its own whose terminal is ours, and return what came out of it."""
    outer, inner = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = quilt.popen(*words, stdin=inner, stdout=inner, stderr=inner, preexec_fn=take_terminal)
    said = b""
    deadline = time.monotonic() + 30
    while process.poll() is None or select.select([outer], [], [], 0)[0]:
        assert time.monotonic() < deadline
        if select.select([outer], [], [], 0.05)[0]:
            said += os.read(outer, 4096)
    # What was typed is what somebody could read here now.
    typed = select.select([inner], [], [], 0)[0]
    for fd in (outer, inner):
        os.close(fd)
    assert (process.returncode, typed) == (0, []), said
    return said.decode().replace("\r\n", "\n").strip()


@pytest.mark.parametrize("options", [(), ("--userns", "host"), ("--userns", "host", "--init")])
def test_terminal_of_the_caller_is_not_reached(quilt: Quilt, options: tuple[str, ...]) -> None:
    """By run and exec, with and without an init: no descriptor is a terminal, and there is no /dev/tty to open.

    Red with the caller's descriptors handed on to exec, and red without the setsid of both.
    """
    attack = ("python", "/attacks/terminal.py")
    assert on_terminal(quilt, "run", "--rm", "-i", *NONE, *options, "attacks", *attack) == "nothing was typed"
    quilt.ok("run", "-d", "--name", "c", *NONE, *options, "attacks", "sleep", "1000")
    assert on_terminal(quilt, "exec", "-i", "c", *attack) == "nothing was typed"


def test_what_goes_on_leaves_the_session(quilt: Quilt) -> None:
    """A container in the background, its shim, and a program of exec: a hang-up of the caller's does not reach them.

    Red without the setsid of the shim's helper, and without that of the program of exec.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    quilt.ok("exec", "-d", "c", "sleep", "1001")
    first = quilt.inspect("c")["State"]["Pid"]
    pids = [quilt.shim_pid("c"), first, *others_in_namespace_of(first)]
    assert (len(pids), os.getsid(0) in {os.getsid(pid) for pid in pids}) == (3, False)


def others_in_namespace_of(pid: int) -> list[int]:
    """Return the processes that share the PID namespace of one, by their pids on the host."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") == os.readlink(f"/proc/{pid}/ns/pid"):
                found.append(int(name))
    return [other for other in found if other != pid]
