"""What is open outside is not open inside, and no working directory leads out through it (CVE-2024-21626)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.hostile.probes import cgroups_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
HIGHEST = 50
OURS = 30
"""The first process has less than this open before it becomes the program."""
REPORT = ("python", "/attacks/descriptors.py")


@pytest.fixture(params=["auto", "host"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Give the options of a container, with a user namespace and without."""
    return (*NONE, "--userns", request.param)


@pytest.fixture
def leaked(tmp_path: Path) -> Iterator[tuple[int, ...]]:
    """Have every descriptor up to the highest open on something of the host, most of them on a folder."""
    folder = tmp_path / "leaked"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(one) for one in socket.socketpair())
        kinds = [
            os.open(folder, os.O_RDONLY),
            os.open(folder, os.O_PATH),
            os.open("/", os.O_PATH),
            os.open("/proc/self/ns/mnt", os.O_RDONLY),
            os.memfd_create("leaked"),
            os.dup(ours.fileno()),
            os.dup(theirs.fileno()),
        ]
        fds = [*kinds, *(os.dup(kinds[number % 3]) for number in range(HIGHEST))]
        yield tuple(fds)
        for fd in fds:
            os.close(fd)


def run(quilt: Quilt, fds: tuple[int, ...], *words: str) -> tuple[int, str, str]:
    """Run the command with descriptors beyond the standard ones, and return its code and what it wrote."""
    process = quilt.popen(
        *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, pass_fds=fds
    )
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode(), err.decode()


def check(said: str) -> None:
    """See that a program and PID 1 have three descriptors, all of the container's own."""
    found: dict[str, Any] = json.loads(said)
    assert found["own"].pop("0") == found["null"]
    for process in ("own", "init"):
        others = {name: link for name, link in found[process].items() if not link.startswith(("pipe:", found["null"]))}
        assert (others, found[process].keys() <= {"0", "1", "2"}) == ({}, True)
    assert (found["map_files"], found["places"]) == ([], {"cwd": True, "root": True})


def test_program_has_three_descriptors(quilt: Quilt, leaked: tuple[int, ...], options: tuple[str, ...]) -> None:
    """Of a caller that leaks folders, namespaces, sockets and memory, and of ourselves, nothing is left.

    Red without the closing of all at exec, and, for exec, red with /dev/null opened before the container is joined.
    """
    code, out, err = run(quilt, leaked, "run", "--rm", *options, "attacks", *REPORT)
    assert (code, err) == (0, "")
    check(out)
    run(quilt, leaked, "run", "-d", "--name", "c", *options, "attacks", "sleep", "1000")
    code, out, err = run(quilt, leaked, "exec", "c", *REPORT)
    assert (code, err) == (0, "")
    check(out)


def test_init_has_three_descriptors(quilt: Quilt, leaked: tuple[int, ...], options: tuple[str, ...]) -> None:
    """With --init PID 1 is ours, which executes nothing and so has to close by itself. Red without its closerange."""
    run(quilt, leaked, "run", "-d", "--init", "--name", "c", *options, "box", "sleep", "1000")
    pid = quilt.inspect("c")["State"]["Pid"]
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]


def test_workdir_cannot_be_a_leaked_folder(quilt: Quilt, leaked: tuple[int, ...], options: tuple[str, ...]) -> None:
    """By -w of run and exec. Red without both the closing before the change and the look at getcwd after it."""
    run(quilt, leaked, "run", "-d", "--name", "c", *options, "box", "sleep", "1000")
    for number in (leaked[0], leaked[2], leaked[20], leaked[-1]):
        workdir = f"/proc/self/fd/{number}"
        assert run(quilt, leaked, "run", "--rm", *options, "-w", workdir, "box", "pwd")[:2] == (126, "")
        assert run(quilt, leaked, "exec", "-w", workdir, "c", "pwd")[:2] == (126, "")


def test_workdir_cannot_be_a_folder_of_ours(quilt: Quilt) -> None:
    """Every number that we use. Red without both the closing before the change and the look at getcwd after it."""
    options = (*NONE, "--userns", "host")
    quilt.ok("run", "-d", "--name", "c", *options, "box", "sleep", "1000")
    for first in range(3, OURS, 2):
        ways: list[tuple[str, ...]] = []
        for workdir in (f"/proc/self/fd/{number}" for number in range(first, first + 2)):
            ways += [("exec", "-w", workdir, "c", "pwd"), ("run", "--rm", *options, "-w", workdir, "box", "pwd")]
        started = [quilt.popen(*way, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for way in ways]
        ended = [(process.communicate(timeout=30)[0], process.returncode) for process in started]
        assert dict(zip(ways, ended, strict=True)) == dict.fromkeys(ways, (b"", 126))


def test_workdir_of_an_image_makes_nothing_outside(
    quilt: Quilt, leaked: tuple[int, ...], options: tuple[str, ...], image: Path, tmp_path: Path
) -> None:
    """An image's WORKDIR is made where it is missing, but not in a folder that the caller leaked, nor in our cgroup.

    Red without the closing of all before the working directory is made.
    """
    for fd, fds in ((leaked[0], leaked), (3, ())):
        workdir = f"/proc/self/fd/{fd}/evil"
        quilt.ok("image", "import", "-q", "-c", f"WORKDIR {workdir}", image, "evil")
        assert run(quilt, fds, "run", "--rm", *options, "evil", "pwd")[:2] == (126, "")
    assert cgroups_named("evil") == []
    assert os.listdir(tmp_path / "leaked") == []
