"""What people run in containers works below our profile: shells, Python, git, the package manager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.spec import DEFAULT_CAPABILITIES
from quiltctl.runtime.seccomp import cache

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("libseccomp")

CONFINED = """
import os, sys
import prctl
from quiltctl.runtime.linux import seccomp
with open(sys.argv[1], "rb") as file:
    program = file.read()
prctl.set_no_new_privs(True)
seccomp.load(program)
os.execvp(sys.argv[2], sys.argv[2:])
"""
PYTHON = """
import asyncio, concurrent.futures, hashlib, mmap, multiprocessing, os, select, shutil, signal, socket, sqlite3, ssl
import subprocess, tempfile, threading, time

def square(number):
    return number * number

async def echo():
    async def serve(reader, writer):
        writer.write(await reader.read(4))
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping")
        said = await reader.read(4)
        writer.close()
    child = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = await child.communicate(b"pong")
    return said + out

if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(square, range(50))) == [n * n for n in range(50)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(square, range(9)) == [n * n for n in range(9)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(square, [3]) == [9]
    assert asyncio.run(echo()) == b"pingpong"
    assert subprocess.run(["sh", "-c", "echo $((6 * 7)) | tr 4 5"], capture_output=True).stdout == b"52\\n"
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
        database.commit()
        database.close()
        shutil.copy(f"{folder}/db", f"{folder}/copy")
        os.chown(f"{folder}/copy", 1, 1)
        os.setxattr(f"{folder}/db", "user.x", b"1")
    one, other = socket.socketpair()
    one.send(b"x")
    assert select.select([other], [], [], 1)[0] == [other]
    select.epoll().close()
    socket.getaddrinfo("localhost", 80)
    assert socket.if_nameindex()
    ssl.create_default_context()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.sigwait({signal.SIGALRM})
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.posix_spawnp("true", ["true"], os.environ)
    os.wait()
    memory = os.memfd_create("x")
    os.truncate(memory, 4096)
    assert mmap.mmap(memory, 4096)[:1] == b"\\0"
    os.close(os.pidfd_open(os.getpid()))
    time.sleep(0.001)
    print("done")
"""
SHELL = """
set -euo pipefail
cd "$1"
mkdir -p a/b && touch a/b/c && ln -s c a/b/d && ln a/b/c a/b/e && mknod a/pipe p && chmod 4755 a/b/c && chown 1:1 a/b/c
tar -cf a.tar a && mkdir x && tar -xf a.tar -C x && diff -r a/b x/a/b
find a | sort | xargs -n1 -P4 ls -ld | wc -l
{ sleep 0.01 & wait; }
(ulimit -n 100; umask 077; exec nice -n 1 true)
timeout 1 cat < <(printf 'done\\n')
df . > /dev/null; ps -e > /dev/null; id > /dev/null; date > /dev/null; stat a > /dev/null; sync
"""
GIT = """
set -euo pipefail
cd "$1"
git init -q . && git config user.email a@b && git config user.name a
echo x > x && git add x && git commit -qm one && git gc -q
git clone -q . ../clone && git -C ../clone log --oneline | wc -l
git worktree add -q ../tree && git status --short && echo done
"""
APT = """
set -euo pipefail
dpkg --version > /dev/null && dpkg -l > /dev/null && apt-cache policy > /dev/null && apt-config dump > /dev/null
perl -e 'use POSIX; my $pid = fork; exit 0 unless $pid; waitpid $pid, 0; print "done\\n"'
"""


def confined(program: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command below our profile and with no_new_privs."""
    program.write_bytes(cache.program(str(program.parent / "seccomp"), "default", DEFAULT_CAPABILITIES))
    line = [sys.executable, "-I", "-c", CONFINED, str(program), *argv]
    env = {**os.environ, "HOME": str(program.parent), "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, env=env)


def test_python_works_below_our_profile(tmp_path: Path) -> None:
    """Threads, processes of all kinds, asyncio, sockets, SQLite, extended attributes, signals."""
    script = tmp_path / "script.py"
    script.write_text(PYTHON, encoding="utf-8")
    run = confined(tmp_path / "program", "/usr/bin/python3", str(script))
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


@pytest.mark.parametrize(("command", "script"), [("bash", SHELL), ("git", GIT), ("apt-get", APT)])
def test_userland_works_below_our_profile(tmp_path: Path, command: str, script: str) -> None:
    """Files of every kind, archives, pipelines, repositories, the package manager."""
    if shutil.which(command) is None:
        pytest.skip(f"this host lacks {command}")
    work = tmp_path / "work"
    work.mkdir()
    run = confined(tmp_path / "program", "bash", "-c", script, "bash", str(work))
    assert (run.returncode, run.stderr) == (0, "")
    assert "done" in run.stdout
