"""What is below the root directory, and what a container puts there, is closed to every other user of the host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
NOBODY = 65534
OPENS = """
import os, sys
for path in sys.stdin.buffer.read().split(b"\\0"):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        continue
    sys.stdout.write(f"{os.fsdecode(path)}\\n")
"""
PRIVATE = ("environ", "mem", "maps", "fd", "cwd", "root", "root/etc/hosts", "exe", "ns/user")
SETUID = """
cp /bin/python /tmp/evil; chmod 6777 /tmp/evil
cat /bin/python > /etc/hosts; chmod 6777 /etc/hosts
echo ready; exec sleep 1000
"""


def opened(paths: list[str], uid: int) -> list[str]:
    """Return which of the paths a user can open."""
    said = as_user(uid, [os.path.realpath(sys.executable), "-I", "-S", "-c", OPENS], "\0".join([*paths, "/dev/null"]))
    assert said.endswith("/dev/null\n")
    return said.splitlines()[:-1]


def title(pid: int) -> bytes:
    """Return the command line of a process, empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def as_user(uid: int, command: list[str], text: str = "") -> str:
    """Return what a command prints as a user without any group but the one of the same number; "" if it is refused."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, user=uid, group=uid, extra_groups=[], cwd="/")
    except PermissionError:
        return ""
    return process.communicate(text.encode(), timeout=30)[0].decode()


@pytest.mark.parametrize("mode", ["auto", "host"])
def test_root_directory_is_closed(quilt: Quilt, mode: str) -> None:
    """Nobody, and who has the ids of the container's own users, opens nothing below it, nor in /proc of its processes.

    Red with the folders open to all.
    """
    options = (*NONE, "--userns", mode, "attacks", "sh", "-c", SETUID)
    quilt.ok("run", "-d", "--init", "--name", "c", *options)
    quilt.eventually(lambda: quilt("logs", "c").stdout == "ready\n")
    quilt.root.parent.chmod(0o755)
    paths = [str(quilt.root)]
    for folder, folders, files in os.walk(quilt.root):
        paths += [f"{folder}/{name}" for name in (*folders, *files)]
    pids = (quilt.shim_pid("c"), quilt.inspect("c")["State"]["Pid"])
    paths += [f"/proc/{pid}/{name}" for pid in pids for name in PRIVATE]
    first = int(Path(f"/proc/{pids[1]}/uid_map").read_text().split()[1])
    others = {NOBODY, *((first, first + 1000) if mode == "auto" else (1000,))}
    assert len(paths) > 100
    assert {uid: opened(paths, uid) for uid in others} == {uid: [] for uid in others}


@pytest.mark.parametrize("mode", ["auto", "host"])
def test_setuid_program_of_a_container_gives_nothing_outside(quilt: Quilt, mode: str) -> None:
    """A user who shares an id with a container reaches its files by /proc, and a setuid program there stays his own.

    The kernel honours the bit in the mount namespace of the mount alone; there is no defence of ours to take out.
    """
    options = (*NONE, "--userns", mode, "attacks", "sh", "-c", SETUID)
    quilt.ok("run", "-d", "--name", "c", *options)
    quilt.eventually(lambda: quilt("logs", "c").stdout == "ready\n")
    quilt.ok("exec", "-d", "-u", str(NOBODY), "c", "sleep", "1003")
    pid = next(pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if title(pid) == b"sleep\0001003\0")
    uid = Path(f"/proc/{pid}").stat().st_uid
    program = ["-I", "-S", "-c", "import os; print(os.geteuid(), os.getegid())"]
    said = {as_user(uid, [f"/proc/{pid}/root/{path}", *program]) for path in ("tmp/evil", "etc/hosts")}
    assert said == {f"{NOBODY} {NOBODY}\n" if mode == "host" else ""}


@pytest.mark.parametrize("init", [(), ("--init",)])
def test_secrets_of_the_environment_are_not_in_titles(quilt: Quilt, init: tuple[str, ...]) -> None:
    """Once the command has ended, no process shows it in its title, though the command's own line had it.

    Red without the titles of build and of the init.
    """
    secret = f"hostile-{os.urandom(8).hex()}"
    quilt.ok("run", "-d", "--name", "c", *init, *NONE, "-e", f"SECRET={secret}", "box", "sleep", "1000")
    quilt.ok("exec", "-d", "-e", f"SECRET={secret}", "c", "sleep", "1001")
    assert secret in quilt.ok("exec", "c", "env")
    assert [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if secret.encode() in title(pid)] == []
