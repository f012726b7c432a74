"""Hosts and callers that are not as usual: containers run all the same, or say why not."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.paths import Paths

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
DEVICES = Path("/sys/fs/cgroup/devices")


def shell(quilt: Quilt, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script that finds the command as ``$Q``, in a mount namespace of its own."""
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
        env={**quilt.environment, "Q": quilt.command},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("hide", "where"),
    [("mount --bind /dev/null /proc/timer_list", "/proc"), ("mount -t tmpfs none /sys/firmware", "/sys")],
)
def test_host_that_hides_parts_of_its_kernel_files_falls_back(quilt: Quilt, hide: str, where: str) -> None:
    """As inside another engine's container: no user namespace, with one line; where one was asked for, an error."""
    done = shell(quilt, f"{hide}; $Q run --rm --network none box sh -c 'cat /proc/self/uid_map'")
    assert done.stdout.split() == ["0", "0", "4294967295"]
    reason = f"{where} has parts of it hidden on this host"
    assert done.stderr == f"Warning: root in this container is root of the host: {reason}\n"
    refused = shell(quilt, f"{hide}; $Q run --rm --network none --userns auto --name c box true")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        125,
        f"Error: cannot start c in a user namespace: {reason}",
    )
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


def test_failed_first_start_does_not_lose_the_way_out(quilt: Quilt) -> None:
    """No program has run yet, so no file has the ids of a range: the second start falls back as the first would."""
    quilt.ok("create", "--name", "c", *NONE, "box", "/no/such")
    assert quilt("start", "c").returncode == 125
    done = shell(quilt, "mount --bind /dev/null /proc/timer_list; $Q start c")
    assert done.stderr.splitlines()[0] == 'Error: no such program in c: "/no/such"'


@pytest.mark.needs("cgroup1")
def test_caller_whose_devices_are_limited_runs_containers(quilt: Quilt) -> None:
    """A usual device that the caller's cgroup lacks is missing inside; one that was asked for is an error."""
    parent = DEVICES / Paths(str(quilt.root)).cgroup
    parent.mkdir()
    (parent / "devices.deny").write_text("a")
    for rule in ("c 1:3 rwm", "c 1:5 rwm", "c 1:9 rwm", "c *:* m"):
        (parent / "devices.allow").write_text(rule)
    script = "head -c 1 /dev/urandom | wc -c; head -c 1 /dev/random 2>/dev/null | wc -c"
    assert quilt.ok("run", "--rm", *NONE, "box", "sh", "-c", script).split() == ["1", "0"]
    done = quilt("run", "--rm", *NONE, "--device", "/dev/kmsg", "box", "true")
    assert (done.returncode, "devices.allow c 1:11 rwm" in done.stderr) == (125, True)


def test_devices_are_denied_by_a_program_where_there_is_no_v1_controller(quilt: Quilt) -> None:
    """As on a host with cgroup v2 alone: a node that real root has made inside opens only where a rule allows it."""
    flags = "--network none --userns host --cap-add MKNOD"
    # /dev/fuse: opening it asks for no capability.
    look = "mknod /f c 10 229; (: < /f) 2>&1 | grep -o 'not permitted' || echo open; head -c 1 /dev/zero | wc -c"
    script = (
        f'! mountpoint -q {DEVICES} || umount {DEVICES}; $Q run --rm {flags} box sh -c "{look}";'
        f" $Q run -d {flags} --name c box sleep 1000 >/dev/null;"
        f' $Q exec c sh -c "{look}"; $Q run --rm {flags} --device-cgroup-rule "c 10:229 r" box sh -c "{look}"'
    )
    assert shell(quilt, script).stdout.splitlines() == ["not permitted", "1", "not permitted", "1", "open", "1"]


@pytest.mark.needs("cgroup1")
def test_container_of_an_older_version_takes_exec(quilt: Quilt) -> None:
    """It has no cgroup of its own for devices: the others are entered, and what is not there is left out."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--userns", "host", "box", "sleep", "1000")
    folder = next(DEVICES.glob(f"*/{quilt.inspect('c')['Id']}"))
    (DEVICES / "tasks").write_text(str(quilt.inspect("c")["State"]["Pid"]))
    quilt.eventually(lambda: (folder / "tasks").read_text() == "")
    folder.rmdir()
    assert quilt.ok("exec", "c", "grep", "-c", "pids", "/proc/self/cgroup") == "1"


def test_rank_before_the_oom_killer_is_not_the_callers(quilt: Quilt) -> None:
    """Whatever a batch system gave its job, a container and what joins it are as any program is."""
    look = "$Q run --rm --network none box cat /proc/self/oom_score_adj; $Q exec c cat /proc/self/oom_score_adj"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    assert shell(quilt, f"echo 500 > /proc/self/oom_score_adj; {look}").stdout.split() == ["0", "0"]


def test_command_line_of_the_caller_does_not_show_inside(quilt: Quilt) -> None:
    """Secrets on it are not in the title of what joins a container, which any user inside may read."""
    # By the shell alone: what it would have to start for a look would come too late.
    look = (
        "while :; do for f in /proc/[0-9]*/cmdline; do read -r l < $f; case $l in *hunter[2]*) echo seen;; esac;"
        " done; done 2>/dev/null"
    )
    quilt.ok("run", "-d", "--name", "c", *NONE, "-u", "tester", "box", "sh", "-c", look)
    for _ in range(20):
        quilt.ok("exec", "-e", "SECRET=hunter2", "c", "true")
        quilt.ok("run", "--rm", *NONE, "-e", "SECRET=hunter2", "--pid", "container:c", "box", "true")
    assert quilt.ok("logs", "c") == ""


def test_start_that_a_joined_container_holds_up_can_be_interrupted(quilt: Quilt) -> None:
    """It stops whatever appears in its PID namespace: the caller's Ctrl-C ends the start, and nothing is left of it."""
    stop = (
        "while :; do for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n -gt 1 ] && [ $n != $$ ] && kill -STOP $n; done; done"
    )
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", f"{stop} 2>/dev/null")
    process = quilt.popen(
        "run", "--rm", "--name", "d", *NONE, "--pid", "container:c", "box", "true", stderr=subprocess.PIPE
    )
    quilt.eventually(lambda: quilt.sql("SELECT 1 FROM containers WHERE name = 'd'") or process.poll() is not None)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1].decode()
    assert process.returncode in {125, 137}, said  # 137: the stopped one had become the program by then
    quilt.ok("rm", "-f", "c")
    quilt("rm", "-f", "d")
    quilt.ok("gc")
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}


def test_chroot_falls_back(quilt: Quilt) -> None:
    """clone(2): the kernel makes no user namespace for a process in a chroot. The default does without."""
    folder = quilt.root.parent / "chroot"
    folder.mkdir()
    enter = f"mount --make-rprivate /; mount --rbind / {folder}; chroot {folder}"
    done = shell(quilt, f"{enter} $Q run --rm --network none box cat /proc/self/uid_map")
    assert (done.stdout.split(), done.stderr.count("\n")) == (["0", "0", "4294967295"], 1)
    assert "the kernel makes no user namespace: operation not permitted" in done.stderr
    assert quilt.traces() == {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}
