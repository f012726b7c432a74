"""Limits that bite: what a container is given it gets, and no more, and its neighbours do not notice."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.cgroup.layout import find_layout

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("root")
NONE = ("--network", "none")
HOG = 'x=aaaaaaaa; while :; do x="$x$x"; done'
"""Takes memory without end."""


def directory(quilt: Quilt, reference: str, controller: str) -> Path:
    """Return the cgroup of a running container in the hierarchy of a controller."""
    return Path(find_layout().directory(controller, quilt.inspect(reference)["State"]["CgroupPath"].strip("/")))


def value(quilt: Quilt, reference: str, controller: str, *names: str) -> str:
    """Return what stands in the file of a container's cgroup, by whichever of these names it has."""
    found = directory(quilt, reference, controller)
    return next((found / name).read_text() for name in names if (found / name).exists()).strip()


def cpu_seconds(quilt: Quilt, reference: str) -> float:
    """Return the processor time that a container has used."""
    layout = find_layout()
    path = quilt.inspect(reference)["State"]["CgroupPath"].strip("/")
    if layout.unified and quilt.command.endswith("quiltctl"):
        text = Path(f"{layout.unified}/{path}/cpu.stat").read_text()
        return int(text.split()[1]) / 1e6
    return int(Path(f"{layout.directory('cpuacct', path)}/cpuacct.usage").read_text()) / 1e9


def test_memory_hog_dies_and_its_neighbour_does_not_notice(either: Quilt) -> None:
    """137 and OOMKilled for the one; the other, of the same image, goes on."""
    either.ok("run", "-d", "--name", "calm", *NONE, "--memory", "64m", "box", "sleep", "1000")
    done = either("run", "--name", "hog", *NONE, "--memory", "64m", "box", "sh", "-c", HOG)
    assert (done.returncode, done.stderr) == (137, "")
    state = either.inspect("hog")["State"]
    assert (state["ExitCode"], state["OOMKilled"], state["ExitReason"]) == (137, True, "oom-killed")
    calm = either.inspect("calm")["State"]
    assert (calm["Running"], calm["OOMKilled"]) == (True, False)


def test_fork_bomb_stops_at_its_limit_and_is_removed_at_once(either: Quilt) -> None:
    """Fifty processes and not one more, and all are gone a second after rm -f."""
    bomb = "b() { b | b & }; exec 2> /dev/null; (b); exec sleep 1000"
    either.ok("run", "-d", "--name", "bomb", *NONE, "--pids-limit", "50", "box", "sh", "-c", bomb)
    folder = directory(either, "bomb", "pids")
    either.eventually(lambda: (folder / "pids.events").read_text().split()[1] != "0")
    most = 0
    for _ in range(50):
        most = max(most, int((folder / "pids.current").read_text()))
        time.sleep(0.01)
    assert most <= 50
    began = time.monotonic()
    either.ok("rm", "-f", "bomb")
    assert time.monotonic() - began < 5  # a second, on a machine that has nothing else to do
    assert not folder.exists()


def test_spinner_gets_half_a_processor(either: Quilt) -> None:
    """Half, with the tolerance of the kernel's periods."""
    either.ok("run", "-d", "--name", "spin", *NONE, "--cpus", "0.5", "box", "sh", "-c", "while :; do :; done")
    seconds = 10 if os.environ.get("QUILT_REQUIRE") else 3
    used, began = cpu_seconds(either, "spin"), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(either, "spin") - used) / (time.monotonic() - began)
    assert 0.45 < share < 0.55


def test_cpuset_is_seen_inside(either: Quilt) -> None:
    """By the program itself, and by what exec runs."""
    look = "grep Cpus_allowed_list /proc/self/status"
    assert either.ok("run", "--rm", *NONE, "--cpuset-cpus", "0", "box", "sh", "-c", look).split() == [
        "Cpus_allowed_list:",
        "0",
    ]
    either.ok("run", "-d", "--name", "c", *NONE, "--cpuset-cpus", "0", "--cpuset-mems", "0", "box", "sleep", "1000")
    assert either.ok("exec", "c", "nproc") == "1"


def test_every_limit_stands_in_the_kernel(quilt: Quilt) -> None:
    """And what inspect says is what was given."""
    quilt.ok(
        *("run", "-d", "--name", "c", *NONE, "-m", "64m", "--memory-swap", "-1", "--memory-reservation", "32m"),
        *("--cpu-quota", "20000", "--cpu-period", "50000", "-c", "2048", "--pids-limit", "77"),
        *("--oom-score-adj", "200", "box", "sleep", "1000"),
    )
    assert value(quilt, "c", "memory", "memory.max", "memory.limit_in_bytes") == str(64 << 20)
    assert value(quilt, "c", "memory", "memory.low", "memory.soft_limit_in_bytes") == str(32 << 20)
    quota = value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()
    assert quota in (["20000", "50000"], ["20000"])
    assert value(quilt, "c", "cpu", "cpu.weight", "cpu.shares") in {"173", "2048"}
    assert value(quilt, "c", "pids", "pids.max") == "77"
    assert quilt.ok("exec", "c", "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj").split() == ["200", "200"]
    host = quilt.inspect("c")["HostConfig"]
    told = (
        "Memory",
        "MemorySwap",
        "MemoryReservation",
        "CpuQuota",
        "CpuPeriod",
        "CpuShares",
        "PidsLimit",
        "OomScoreAdj",
    )
    assert [host[key] for key in told] == [64 << 20, -1, 32 << 20, 20000, 50000, 2048, 77, 200]


def test_seeds_words_are_the_kernels_numbers(quilt: Quilt) -> None:
    """4096 MB of memory and 200 per cent of a processor."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "4096m", "--cpus", "2.0", "box", "sleep", "1000")
    assert value(quilt, "c", "memory", "memory.max", "memory.limit_in_bytes") == str(4 << 30)
    assert value(quilt, "c", "cpu", "cpu.max", "cpu.cfs_quota_us").split()[0] == "200000"


@pytest.mark.needs("disk")
def test_disk_is_limited(quilt: Quilt) -> None:
    """By the numbers of its device; which devices there are, the host says."""
    disks = [f"/dev/{name}" for name in os.listdir("/sys/block") if Path(f"/dev/{name}").is_block_device()]
    facts = os.stat(disks[0])
    number = f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
    quilt.ok("run", "-d", "--name", "c", *NONE, "--device-read-bps", f"{disks[0]}:1mb", "box", "sleep", "1000")
    text = value(quilt, "c", "blkio", "io.max", "blkio.throttle.read_bps_device")
    assert text.split()[:2] in ([number, "1048576"], [number, "rbps=1048576"])


def test_restart_keeps_its_limits(quilt: Quilt) -> None:
    """A start is limited as the run was."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "box", "sleep", "1000")
    quilt.ok("stop", "-t", "0", "c")
    quilt.ok("start", "c")
    assert value(quilt, "c", "memory", "memory.max", "memory.limit_in_bytes") == str(64 << 20)


@pytest.mark.needs("own_cgroups")
def test_parent_is_made_and_goes_with_the_last_container(quilt: Quilt) -> None:
    """Under the name that says whose they are; gc finds the container's by its task when its row is gone."""
    layout = find_layout()
    parent = f"quilttest-{os.urandom(4).hex()}/job"
    for name in ("a", "b"):
        quilt.ok("run", "-d", "--name", name, *NONE, "--cgroup-parent", f"/{parent}", "box", "sleep", "1000")
    path = quilt.inspect("a")["State"]["CgroupPath"].strip("/")
    assert path.startswith(f"{parent}/quilt-")
    assert quilt.inspect("a")["HostConfig"]["CgroupParent"] == f"/{parent}"
    assert Path(layout.directory("memory", path), "cgroup.procs").read_text().strip()
    assert quilt.ok("exec", "a", "echo", "in") == "in"
    quilt.ok("rm", "-f", "a")
    assert os.path.isdir(layout.directory("memory", parent))
    quilt.ok("rm", "-f", "b")
    assert not [path for path in layout.hierarchies if os.path.exists(f"{path}/{parent.partition('/')[0]}")]


@pytest.mark.needs("own_cgroups")
def test_parent_of_a_container_whose_row_is_lost_is_cleaned(quilt: Quilt) -> None:
    """What was promised to be removed stands in cleanup_tasks, with the path."""
    parent = f"quilttest-{os.urandom(4).hex()}"
    container_id = quilt.ok("create", "--cgroup-parent", parent, *NONE, "box", "true")
    [task] = quilt.sql("SELECT resource FROM cleanup_tasks WHERE type = 'cgroup'")
    assert task["resource"].endswith(f"-{container_id}")
    for hierarchy in find_layout().hierarchies:
        os.makedirs(f"{hierarchy}/{task['resource']}")
    quilt.ok("rm", container_id)
    assert not [path for path in find_layout().hierarchies if os.path.exists(f"{path}/{task['resource']}")]
    for hierarchy in find_layout().hierarchies:
        os.rmdir(f"{hierarchy}/{parent}")  # which was not made by a container


def test_disabled_container_stays_where_its_caller_is(quilt: Quilt) -> None:
    """No cgroup is made; what it may use is what the caller may."""
    ours = Path("/proc/self/cgroup").read_text()
    told = quilt.ok("run", "-d", "--name", "c", *NONE, "--cgroups", "disabled", "box", "sleep", "1000")
    pid = quilt.inspect("c")["State"]["Pid"]
    assert Path(f"/proc/{pid}/cgroup").read_text() == ours
    assert not [path for path in find_layout().hierarchies if list(Path(path).glob(f"**/*{told}"))]
    assert quilt.inspect("c")["State"]["CgroupPath"] == ""
    assert quilt.ok("exec", "c", "echo", "in") == "in"
    done = quilt("pause", "c")
    assert (done.returncode, "it has no cgroup" in done.stderr) == (125, True)
    assert "it has no cgroup" in quilt("update", "--memory", "64m", "c").stderr
    quilt.ok("stop", "-t", "0", "c")
    quilt.ok("rm", "c")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--memory", "1k"), "--memory 1k is too little"),
        (("--memory", "much"), 'invalid size "much" for --memory'),
        (("--memory-swap", "1g"), "--memory-swap needs --memory"),
        (("--memory", "1g", "--memory-swap", "64m"), "--memory-swap is below --memory"),
        (("--memory", "64m", "--memory-reservation", "1g"), "--memory-reservation is above --memory"),
        (("--memory-swappiness", "101"), "invalid --memory-swappiness 101"),
        (("--oom-kill-disable",), "--oom-kill-disable"),
        (("--cpus", "-1"), 'invalid --cpus "-1"'),
        (("--cpus", "0.001"), 'invalid --cpus "0.001"'),
        (("--cpus", "1", "--cpu-quota", "5000"), "--cpus cannot be given with"),
        (("--cpu-quota", "10"), "invalid --cpu-quota 10"),
        (("--cpu-period", "1"), "invalid --cpu-period 1"),
        (("--cpu-shares", "-5"), "invalid --cpu-shares -5: it is negative"),
        (("--cpuset-cpus", "9999"), "--cpuset-cpus 9999 names what this host has not"),
        (("--cpuset-cpus", "1-0"), 'invalid --cpuset-cpus "1-0"'),
        (("--cpuset-mems", "a"), 'invalid --cpuset-mems "a"'),
        (("--blkio-weight", "5"), "invalid --blkio-weight 5"),
        (("--pids-limit", "4194305"), "invalid --pids-limit 4194305"),
        (("--memory", "18014398510481984k"), 'invalid size "18014398510481984k" for --memory'),
        (("--device-read-bps", "/dev/none:1mb"), "cannot limit /dev/none"),
        (("--device-read-bps", "/dev/null:1mb"), "it is no block device"),
        (("--device-write-iops", "1"), 'invalid --device-write-iops "1"'),
        (("--oom-score-adj", "1001"), "invalid --oom-score-adj 1001"),
        (("--cgroup-parent", "/a/../b"), 'invalid --cgroup-parent "/a/../b"'),
        (("--cgroup-parent", "/"), 'invalid --cgroup-parent "/"'),
        (("--cgroups", "some"), "--cgroups"),
        (("--cgroups", "disabled", "--memory", "64m"), "--memory cannot be given with --cgroups disabled"),
        (("--cgroups", "disabled", "--pid", "host"), "--cgroups disabled cannot be given with --pid host"),
    ],
)
def test_limit_that_is_none_is_refused(quilt: Quilt, flags: tuple[str, ...], sentence: str) -> None:
    """One line and 125, before anything is made."""
    done = quilt("run", "--rm", *flags, "box", "true")
    assert done.returncode == 125
    assert done.stderr.startswith("Error: ")
    assert sentence in done.stderr
    assert quilt.ok("ps", "-aq") == ""


def test_hundred_limited_containers_leave_no_cgroup(quilt: Quilt) -> None:
    """In no hierarchy, and gc has nothing to say; the second half ends with its shims killed."""
    limits = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "20", "--cpuset-cpus", "0")
    many = 100 if os.environ.get("QUILT_REQUIRE") else 20
    ids = [quilt.ok("run", "-d", *NONE, *limits, "box", "sleep", "1000") for _ in range(many)]
    hierarchies = find_layout().hierarchies
    assert [path for path in hierarchies if list(Path(path).glob(f"**/*{ids[0]}"))]
    for container_id in ids[many // 2 :]:
        os.kill(quilt.inspect(container_id)["State"]["ShimPid"], 9)
    quilt.ok("rm", "-f", *ids, timeout=120)
    assert quilt.ok("gc") == ""
    tag = quilt.inspect(quilt.ok("create", *NONE, "box", "true"))["HostConfig"]["CgroupParent"].strip("/")
    left = [str(path) for root in hierarchies for path in Path(root, tag).glob("*") if path.name in ids]
    assert left == []


def test_exec_where_no_process_more_is_allowed_says_so(quilt: Quilt) -> None:
    """With the way to allow more."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--pids-limit", "1", "box", "sleep", "1000")
    done = quilt("exec", "c", "true")
    assert (done.returncode, done.stderr.splitlines()) == (
        125,
        [
            "Error: cannot exec in c: it has as many processes as it may have",
            "hint: end some of them, or allow more: quiltctl update --pids-limit NUMBER c",
        ],
    )


@pytest.mark.needs("cgroup1")
def test_swappiness_that_is_not_said_is_the_hosts(quilt: Quilt) -> None:
    """By docker's word for it."""
    quilt.ok("run", "--rm", *NONE, "--memory-swappiness", "-1", "box", "true")


def test_limit_that_only_the_kernel_can_judge_is_told_by_its_option(quilt: Quilt) -> None:
    """What it does not take, with a hint; nothing of the container stays but the row that says so."""
    far = "9" * 17
    done = quilt("run", "--name", "c", *NONE, "--cpu-quota", far, "box", "true")
    assert (done.returncode, done.stderr.splitlines()) == (
        125,
        [
            f"Error: cannot start c: the kernel does not take --cpu-quota and --cpu-period {far}: invalid argument",
            "hint: ask for less, or leave it out",
        ],
    )
    assert quilt.traces()["cgroups"] == []
