"""The driver of cgroups, on whatever layout this host has, in cgroups of the tests' own."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.model.limits import Limits
from quiltctl.runtime.cgroup import change, group, limits, population, tree
from quiltctl.runtime.cgroup.layout import find_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.needs("root")
MIB = 1 << 20


@pytest.fixture
def base() -> Iterator[str]:
    """Give a cgroup below which the test may do what it wants, and see that nothing is left of it.

    Where systemd owns the tree the test has a scope of its own: it lies in the one the test runs in.
    """
    name = f"quilttest-{uuid.uuid4().hex[:12]}"
    yield name
    left = [hierarchy for hierarchy in find_layout().hierarchies if os.path.exists(f"{hierarchy}/{name}")]
    for hierarchy in left:
        subprocess.run(
            ["find", f"{hierarchy}/{name}", "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False
        )
    assert left == []


def written(said: Limits) -> tuple[limits.Write, ...]:
    """Return the plan of limits on this host."""
    return limits.plan(find_layout(), said)


def run_in(joinable: group.Joinable, path: str, *argv: str) -> subprocess.Popen[bytes]:
    """Start a program that enters the cgroup before its exec, and return it once it is there."""
    unified = find_layout().unified

    def enter() -> None:
        group.enter(joinable)
        if unified:
            tree.write(f"{unified}/{path}/cgroup.procs", "0")

    return subprocess.Popen(argv, preexec_fn=enter, stdout=subprocess.PIPE)  # noqa: PLW1509 (no threads)


def content(controller: str, path: str, *names: str) -> str:
    """Return what stands in the file of a controller, by whichever of these names it has."""
    directory = Path(find_layout().directory(controller, path))
    return next((directory / name).read_text() for name in names if (directory / name).exists()).strip()


def eventually(check: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def end(process: subprocess.Popen[bytes], path: str) -> None:
    """Kill what lives in the cgroup, and remove it."""
    population.kill(path)
    process.communicate(timeout=10)
    eventually(lambda: not population.members(path))
    tree.remove(path)


def test_cgroup_is_made_in_every_hierarchy_and_removed_from_all(base: str) -> None:
    """Nothing of it, and nothing of what was made for it to lie in, stays in any of them."""
    path = f"{base}/a/b"
    group.create(path, ()).close()
    assert all(os.path.isdir(f"{find_layout().directory(name, path)}") for name in ("memory", "pids", "cpu", "blkio"))
    tree.remove(path)
    assert not [hierarchy for hierarchy in find_layout().hierarchies if os.path.exists(f"{hierarchy}/{base}")]


def test_cgroup_that_somebody_else_has_made_is_left(base: str) -> None:
    """Only what was made for a container goes with it."""
    hierarchies = find_layout().hierarchies
    for hierarchy in hierarchies:
        os.mkdir(f"{hierarchy}/{base}")
    group.create(f"{base}/x", ()).close()
    tree.remove(f"{base}/x")
    assert all(os.path.isdir(f"{hierarchy}/{base}") for hierarchy in hierarchies)
    for hierarchy in hierarchies:
        os.rmdir(f"{hierarchy}/{base}")


def test_cgroups_made_inside_of_it_are_removed_as_well(base: str) -> None:
    """A program that may write to its tree leaves its own below."""
    path = f"{base}/x"
    group.create(path, ()).close()
    for hierarchy in find_layout().hierarchies:
        if os.path.isdir(f"{hierarchy}/{path}"):
            os.makedirs(f"{hierarchy}/{path}/inner/most")
    tree.remove(path)


def test_many_come_and_go_at_once(base: str) -> None:
    """Each removes what lies above when it is the last, while others are being made there."""
    failed: list[BaseException] = []

    def churn(number: int) -> None:
        try:
            for _ in range(40):
                group.create(f"{base}/up/{number}", ()).close()
                tree.remove(f"{base}/up/{number}")
        except BaseException as error:  # noqa: BLE001 (told to the test)
            failed.append(error)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_limits_stand_in_the_kernels_files(base: str) -> None:
    """Before any process is in it."""
    path = f"{base}/x"
    said = Limits(memory_bytes=64 * MIB, nano_cpus=500_000_000, pids=50, cpuset_cpus="0", cpu_shares=2048)
    group.create(path, written(said)).close()
    assert content("memory", path, "memory.max", "memory.limit_in_bytes") == str(64 * MIB)
    assert content("cpu", path, "cpu.max", "cpu.cfs_quota_us").split()[0] == "50000"
    assert content("cpu", path, "cpu.weight", "cpu.shares") in {"173", "2048"}
    assert content("pids", path, "pids.max") == "50"
    assert content("cpuset", path, "cpuset.cpus") == "0"
    tree.remove(path)


def test_process_enters_all_of_them_and_is_counted_there(base: str) -> None:
    """It is in the cgroup of every controller, and on the processors that it is given."""
    path = f"{base}/x"
    joinable = group.create(path, written(Limits(cpuset_cpus="0")))
    process = run_in(joinable, path, "cat", "/proc/self/cgroup", "/proc/self/status")
    told, _ = process.communicate(timeout=10)
    lines = [line.split(":", 2) for line in told.decode().splitlines() if line.count(":") >= 2 and "/" in line]
    layout = find_layout()
    inside = {name for _, names, place in lines if place == f"/{path}" for name in names.split(",")}
    assert {"memory", "pids", "cpu", "blkio", "cpuset"} <= inside or layout.is_unified
    assert not layout.unified or "" in inside
    assert b"Cpus_allowed_list:\t0\n" in told
    end(process, path)


def test_frozen_processes_stand_still_and_can_be_killed(base: str) -> None:
    """On pure v1 because killing thaws."""
    path = f"{base}/x"
    joinable = group.create(path, ())
    process = run_in(joinable, path, "sh", "-c", "while :; do echo; done > /dev/null")
    assert population.freeze(path)
    assert population.is_told_to_stand(path)
    before = ticks(process.pid)
    time.sleep(0.2)
    assert ticks(process.pid) == before
    population.thaw(path)
    assert not population.is_told_to_stand(path)
    eventually(lambda: ticks(process.pid) > before)
    assert population.freeze(path)
    end(process, path)


def ticks(pid: int) -> int:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def test_thawing_and_killing_what_is_gone_is_no_error(base: str) -> None:
    """Its container has just ended."""
    for act in (population.thaw, population.kill, tree.remove):
        act(f"{base}/none")
    assert (population.members(f"{base}/none"), population.is_told_to_stand(f"{base}/none")) == ([], False)
    assert not population.is_frozen(f"{base}/none")
    with pytest.raises(FileNotFoundError):
        population.freeze(f"{base}/none")


@pytest.fixture
def living(base: str) -> Iterator[str]:
    """Give the path of a cgroup in which a process sleeps."""
    path = f"{base}/x"
    process = run_in(group.create(path, written(Limits(memory_bytes=64 * MIB, pids=50))), path, "sleep", "1000")
    yield path
    end(process, path)


def apply(path: str, before: dict[str, Any], after: dict[str, Any]) -> change.Undo:
    """Change limits, and return what takes that back."""
    layout = find_layout()
    changes = change.differing(written(Limits(**before)), written(Limits(**after)))
    change.adopt(path, change.uncounted(layout, path, changes))
    undo = change.present(layout, path, changes)
    try:
        change.carry_out(layout, path, changes)
    except OSError:
        change.restore(undo)
        raise
    return undo


BEFORE = {"memory_bytes": 64 * MIB, "pids": 50}


@pytest.mark.parametrize("size", [32 * MIB, 128 * MIB, 0])
def test_memory_is_lowered_raised_and_lifted(living: str, size: int) -> None:
    """On v1 the limit of memory and swap has to go first, or last; and what was comes back."""
    before = content("memory", living, "memory.max", "memory.limit_in_bytes")
    undo = apply(living, BEFORE, {**BEFORE, "memory_bytes": size})
    now = content("memory", living, "memory.max", "memory.limit_in_bytes")
    assert now == str(size) if size else now == "max" or int(now) > 1 << 60
    change.restore(undo)
    assert content("memory", living, "memory.max", "memory.limit_in_bytes") == before


def test_controller_that_was_not_used_takes_the_processes_in(living: str) -> None:
    """All of them, also those that fork: they stand still meanwhile, and go on."""
    layout = find_layout()
    apply(living, BEFORE, {**BEFORE, "cpuset_cpus": "0"})
    directory = layout.directory("cpuset", living)
    assert Path(f"{directory}/cgroup.procs").read_text().split() == [str(pid) for pid in population.members(living)]
    assert Path(f"{directory}/cpuset.cpus").read_text().strip() == "0"
    assert not population.is_told_to_stand(living)


def test_change_that_is_refused_changes_nothing(living: str) -> None:
    """The first two were written when the third was refused; they are as they were."""
    with pytest.raises(OSError, match="--cpuset-mems 63"):
        apply(living, BEFORE, {**BEFORE, "memory_bytes": 128 * MIB, "nano_cpus": 10**9, "cpuset_mems": "63"})
    assert content("memory", living, "memory.max", "memory.limit_in_bytes") == str(64 * MIB)
    assert content("cpu", living, "cpu.max", "cpu.cfs_quota_us").split()[0] in {"max", "-1"}


def test_limit_below_what_is_used_is_refused(base: str) -> None:
    """Nobody is killed for it."""
    path = f"{base}/x"
    joinable = group.create(path, written(Limits(memory_bytes=256 * MIB)))
    hold = "import time; held = bytearray(64 << 20); print(flush=True); time.sleep(1000)"
    process = run_in(joinable, path, "python3", "-c", hold)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(OSError, match="--memory") as raised:
        apply(path, {"memory_bytes": 256 * MIB}, {"memory_bytes": 16 * MIB})
    assert raised.value.errno == errno.EBUSY
    assert process.poll() is None
    assert content("memory", path, "memory.max", "memory.limit_in_bytes") == str(256 * MIB)
    end(process, path)
