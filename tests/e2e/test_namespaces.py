"""Namespaces that are shared on request: with the host, or with another container."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
KINDS = ("user", "mnt", "pid", "ipc", "uts", "net", "cgroup")
OPTIONS = {"pid": "pid", "ipc": "ipc", "uts": "uts", "cgroup": "cgroupns"}


def namespaces_of(pid: int | str) -> dict[str, str]:
    """Return the namespaces of a process of the host."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}


def run(quilt: Quilt, name: str, *flags: str) -> dict[str, str]:
    """Start a container that sleeps, and return its namespaces."""
    quilt.ok("run", "-d", "--name", name, *NONE, *flags, "box", "sleep", "1000")
    return namespaces_of(quilt.inspect(name)["State"]["Pid"])


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("userns", ["auto", "host"])
def test_namespace_of_the_host_is_shared_alone(quilt: Quilt, kind: str, userns: str) -> None:
    """One namespace is the host's, the others are the container's own, and exec is where the first process is."""
    found = run(quilt, "c", f"--{OPTIONS[kind]}", "host", "--userns", userns)
    ours = namespaces_of("self")
    shared = {kind, *(("user",) if userns == "host" else ())}
    assert {name for name in KINDS if found[name] == ours[name]} == shared
    links = ";".join(f"ls -l /proc/self/ns/{name}" for name in KINDS)
    inside = [line.rpartition("-> ")[2] for line in quilt.ok("exec", "c", "sh", "-c", links).splitlines()]
    assert inside == [found[name] for name in KINDS]


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("userns", ["auto", "host"])
def test_namespace_of_another_container_is_joined_with_its_ids(quilt: Quilt, kind: str, userns: str) -> None:
    """The joined namespace and the user namespace over it are one; everything else is the container's own."""
    first = run(quilt, "a", "--userns", userns)
    second = run(quilt, "b", f"--{OPTIONS[kind]}", "container:a")
    assert {name for name in KINDS if first[name] == second[name]} == {kind, "user"}
    assert quilt.inspect("b")["HostConfig"]["IDMappings"] == quilt.inspect("a")["HostConfig"]["IDMappings"]


def test_host_name_of_the_host_shows_and_stays(quilt: Quilt) -> None:
    """With --uts host the name is the host's, and nobody inside can change it."""
    said = quilt("run", "--rm", *NONE, "--uts", "host", "box", "sh", "-c", "hostname; hostname other")
    assert (said.stdout.strip(), said.returncode != 0, os.uname().nodename != "other") == (
        os.uname().nodename,
        True,
        True,
    )


def test_processes_of_the_host_show_and_cannot_be_touched(quilt: Quilt) -> None:
    """With --pid host they are seen, by numbers of the host, and belong to nobody that the container could be."""
    script = f"ls -d /proc/{os.getpid()}; kill -9 {os.getpid()} 2>/dev/null; echo $?; cat /proc/{os.getpid()}/environ"
    done = quilt("run", "--rm", *NONE, "--pid", "host", "box", "sh", "-c", script)
    assert done.stdout.split() == [f"/proc/{os.getpid()}", "1"]


def test_processes_of_another_container_can_be_signalled(quilt: Quilt) -> None:
    """A helper beside a container sees and reaches its processes: that is what it joins it for."""
    quilt.ok("run", "-d", "--name", "a", *NONE, "box", "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done")
    quilt.ok("run", "--rm", *NONE, "--pid", "container:a", "box", "kill", "-TERM", "1")
    assert quilt.ok("wait", "a") == "5"


def test_shared_memory_is_shared_with_the_ipc_namespace(quilt: Quilt) -> None:
    """What one writes to /dev/shm the other reads, and a stranger does not."""
    run(quilt, "a")
    quilt.ok("exec", "a", "sh", "-c", "echo hello > /dev/shm/note")
    assert quilt.ok("run", "--rm", *NONE, "--ipc", "container:a", "box", "cat", "/dev/shm/note") == "hello"
    assert quilt("run", "--rm", *NONE, "box", "cat", "/dev/shm/note").returncode == 1


def test_joining_one_that_does_not_run_is_refused(quilt: Quilt) -> None:
    """A clear error that names it, and nothing is left."""
    quilt.ok("create", "--name", "a", *NONE, "box", "true")
    done = quilt("run", "--name", "b", *NONE, "--pid", "container:a", "box", "true")
    assert (done.returncode, "container a, whose namespaces it joins, does not run" in done.stderr) == (125, True)
    assert [row["name"] for row in quilt.sql("SELECT name FROM containers")] == ["a"]


def test_range_outlives_its_first_owner_while_another_uses_it(quilt: Quilt) -> None:
    """The owner is removed while a guest lives on: the range is not leased to anybody else before the guest is gone."""
    run(quilt, "a")
    guest = run(quilt, "b", "--ipc", "container:a")
    quilt.ok("rm", "-f", "a")
    assert namespaces_of(quilt.inspect("b")["State"]["Pid"])["user"] == guest["user"]
    assert quilt.sql("SELECT count(*) AS n FROM id_ranges") == [{"n": 1}]
    quilt.ok("rm", "-f", "b")
    assert quilt.sql("SELECT count(*) AS n FROM id_ranges") == [{"n": 0}]


@pytest.mark.parametrize("mode", ["host", "container:a"])
def test_container_beside_its_shim_ends_by_whoever_comes_next(quilt: Quilt, mode: str) -> None:
    """Not nested below its shim, it outlives a kill -9 of that, and ps says so: gc ends it, and nothing is left."""
    run(quilt, "a")
    script = "sleep 1000 & exec sleep 1000"
    quilt.ok("run", "-d", "--name", "b", *NONE, "--pid", mode, "box", "sh", "-c", script)
    pid = quilt.inspect("b")["State"]["Pid"]
    os.kill(quilt.shim_pid("b"), signal.SIGKILL)
    quilt.eventually(lambda: quilt("monitor", "ls", "--format", "{{.Alive}}").stdout.split().count("false") == 1)
    waiting = quilt.popen("wait", "b", stdout=subprocess.PIPE)
    assert quilt.inspect("b")["State"]["Status"] == "running"
    assert "container b: marked exited (supervisor-lost)" in quilt.ok("gc")
    assert waiting.communicate(timeout=10)[0] == b"-1\n"
    quilt.eventually(lambda: not Path(f"/proc/{pid}/exe").exists())
    quilt.ok("rm", "-f", "a", "b")
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


@pytest.mark.parametrize("mode", ["private", "host", "container:a"])
def test_exit_code_and_signals_are_the_same_in_every_mode(quilt: Quilt, mode: str) -> None:
    """The program's code, the signal that stops it, the timeout that kills it, and rm -f of what runs."""
    run(quilt, "a")
    flags = ("--pid", mode)
    assert quilt("run", "--rm", *NONE, *flags, "box", "sh", "-c", "exit 7").returncode == 7
    assert quilt("run", "--rm", *NONE, *flags, "--timeout", "1", "box", "sleep", "1000").returncode == 137
    quilt.ok(
        "run", "-d", "--name", "b", *NONE, *flags, "box", "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"
    )
    quilt.ok("stop", "b")
    assert quilt.ok("wait", "b") == "3"
    quilt.ok("start", "b")
    quilt.ok("rm", "-f", "b")
    quilt.ok("rm", "-f", "a")
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}
