"""A program of exec is confined as the first one, and nobody inside looks into the process that brings it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
FACTS = """
for process in 1 self; do
    grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|SigBlk|SigIgn)' /proc/$process/status
    cat /proc/$process/limits /proc/$process/cgroup /proc/$process/uid_map /proc/$process/gid_map
    cat /proc/$process/oom_score_adj /proc/$process/setgroups
    for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/$process/ns/$kind; done
    readlink /proc/$process/root
    echo ---
done
"""
CONFINED = {
    "default": (),
    "host": ("--userns", "host"),
    "rights": ("--cap-add", "SYS_ADMIN", "--cap-drop", "KILL,CHOWN", "--umask", "0077", "--group-add", "4000"),
    "limits": ("--ulimit", "nofile=100:200", "--ulimit", "core=4096:8192", "--ulimit", "fsize=1048576:2097152"),
    "unconfined": ("--security-opt", "seccomp=unconfined", "--security-opt", "no-new-privileges=false"),
    "privileged": ("--privileged",),
    "keep-id": ("--userns", "keep-id:uid=1000,gid=1000"),
    "user": ("-u", "tester"),
}
EXECS = 50


@pytest.mark.parametrize("name", CONFINED)
def test_program_of_exec_is_confined_as_the_first_one(quilt: Quilt, name: str) -> None:
    """Ids, groups, capabilities, filters, limits, namespaces, cgroups, mask, signals, and what the OOM killer thinks.

    Red with each of these left out for exec: limits, filter, capabilities, groups, umask, signals, cgroups.
    """
    quilt.environment |= {"SUDO_UID": "70001", "SUDO_GID": "70001"}
    quilt.ok("run", "-d", "--name", "c", *NONE, *CONFINED[name], "box", "sleep", "1000")
    first, own, _ = quilt.ok("exec", "c", "sh", "-c", FACTS).split("---")
    assert own.strip().splitlines() == first.strip().splitlines()


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize(
    "options",
    [
        ("--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined"),
        ("--userns", "host"),
        ("--userns", "host", "-u", "tester"),
    ],
)
def test_joining_process_cannot_be_looked_into(quilt: Quilt, options: tuple[str, ...]) -> None:
    """While fifty programs join, an attacker inside opens what /proc has of them; their arguments are not shown either.

    Red without the ban on dumps, and red where the process keeps the command line of the caller.
    """
    quilt.environment["CALLER"] = "secret-of-the-caller"
    words = ("attacks", "python", "/attacks/spy.py")
    spy = quilt.popen("run", "--name", "c", *NONE, *options, *words, stdout=subprocess.PIPE)
    quilt.eventually(lambda: quilt("exec", "c", "true").returncode == 0)
    join = ("exec", "-u", "0", "-e", "ONE=secret-of-the-line", "c", "true")
    for _ in range(EXECS // 5):
        started = [quilt.popen(*join) for _ in range(5)]
        assert [process.wait(timeout=30) for process in started] == [0] * 5
    quilt.ok("exec", "c", "touch", "/tmp/stop")
    report = json.loads(spy.communicate(timeout=30)[0])
    assert report["met"], "it was never there in time"
    assert (report["opened"], report["descriptors"]) == ([], [])
    assert set(report["programs"]) <= {"/bin/busybox"}
    assert not [entry for entry in report["environments"] if "secret-of-the-caller" in entry]
    assert not [word for word in report["lines"] if "secret" in word]


def test_streams_carry_every_byte(quilt: Quilt) -> None:
    """64 MiB go in and come out as they were. Red where what does not fit into the pipe is lost."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    data = os.urandom(64 << 20)
    done = subprocess.run(
        [quilt.command, "exec", "-i", "c", "cat"], input=data, capture_output=True, env=quilt.environment, check=True
    )
    assert done.stdout == data


def test_program_outlives_a_killed_client(quilt: Quilt) -> None:
    """It goes on, as with podman, as a child of PID 1 and within the container: rm ends it.

    Red with a death signal from the parent.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    client = quilt.popen("exec", "c", "sh", "-c", "echo; exec sleep 1001", stdout=subprocess.PIPE)
    assert client.stdout is not None
    client.stdout.readline()
    client.send_signal(signal.SIGKILL)
    client.communicate(timeout=10)
    quilt.eventually(lambda: "sleep 1001" in quilt.ok("exec", "c", "ps"))
    quilt.ok("rm", "-f", "c")
    assert quilt.traces()["processes"] == []
