"""Which text goes into which file, on each layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.errors import HostLacks
from quiltctl.model.limits import Limits
from quiltctl.runtime.cgroup.layout import Layout
from quiltctl.runtime.cgroup.limits import find_missing, plan, weight_of_shares

if TYPE_CHECKING:
    from pathlib import Path

V2 = Layout("/cg", ("cpu", "cpuset", "memory", "pids", "blkio"), {})
V1 = Layout("", (), {name: f"/cg/{name}" for name in ("cpu", "cpuset", "memory", "pids", "blkio")})
MIXED = Layout("/cg/unified", ("memory",), {"cpu": "/cg/cpu"})
"""A controller each way, and the others nowhere."""

EVERYTHING: dict[str, Any] = {
    "memory_bytes": 1000, "memory_swap_bytes": 1500, "memory_reservation_bytes": 500, "nano_cpus": 500_000_000,
    "cpu_shares": 1024, "cpuset_cpus": "0-1", "cpuset_mems": "0", "pids": 50, "blkio_weight": 1000,
    "blkio_weight_devices": (("/dev/a", 8, 0, 10),),
    "device_read_bps": (("/dev/a", 8, 0, 5),), "device_write_iops": (("/dev/a", 8, 0, 0),),
}  # fmt: skip


def written(layout: Layout, **said: Any) -> list[tuple[str, ...]]:
    """Return what would be written: controller, then file and text of each choice."""
    return [
        (write.controller, *(part for choice in write.choices for part in choice))
        for write in plan(layout, Limits(**said))
    ]


def test_everything_on_v2() -> None:
    """Each limit in the words of cgroup-v2."""
    assert written(V2, **EVERYTHING) == [
        ("memory", "memory.max", "1000"),
        ("memory", "memory.swap.max", "500"),
        ("memory", "memory.low", "500"),
        ("cpu", "cpu.max", "50000 100000"),
        ("cpu", "cpu.weight", "100"),
        ("cpuset", "cpuset.cpus", "0-1"),
        ("cpuset", "cpuset.mems", "0"),
        ("pids", "pids.max", "50"),
        ("blkio", "io.bfq.weight", "1000", "io.weight", "default 10000"),
        ("blkio", "io.bfq.weight", "8:0 10", "io.weight", "8:0 1"),
        ("blkio", "io.max", "8:0 rbps=5"),
        ("blkio", "io.max", "8:0 wiops=max"),
    ]


def test_everything_on_v1() -> None:
    """Each limit in the words of cgroup-v1; the quota after its period, and no quota between two periods."""
    assert written(V1, memory_swappiness=0, oom_kill_disable=True, **EVERYTHING) == [
        ("memory", "memory.limit_in_bytes", "1000"),
        ("memory", "memory.memsw.limit_in_bytes", "1500"),
        ("memory", "memory.soft_limit_in_bytes", "500"),
        ("memory", "memory.swappiness", "0"),
        ("memory", "memory.oom_control", "1"),
        ("cpu", "cpu.cfs_quota_us", "-1"),
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("cpu", "cpu.cfs_quota_us", "50000"),
        ("cpu", "cpu.shares", "1024"),
        ("cpuset", "cpuset.cpus", "0-1"),
        ("cpuset", "cpuset.mems", "0"),
        ("pids", "pids.max", "50"),
        ("blkio", "blkio.weight", "1000", "blkio.bfq.weight", "1000"),
        ("blkio", "blkio.weight_device", "8:0 10", "blkio.bfq.weight_device", "8:0 10"),
        ("blkio", "blkio.throttle.read_bps_device", "8:0 5"),
        ("blkio", "blkio.throttle.write_iops_device", "8:0 0"),
    ]


@pytest.mark.parametrize(
    ("layout", "lines"),
    [
        (V2, ["max", "max", "0", "max 100000", "100", "max"]),
        (V1, ["-1", "-1", "-1", "-1", "100000", "-1", "1024", "max"]),
    ],
)
def test_zero_lifts_a_limit(layout: Layout, lines: list[str]) -> None:
    """As in docker and podman."""
    said = {"memory_bytes": 0, "memory_reservation_bytes": 0, "nano_cpus": 0, "cpu_shares": 0, "pids": 0}
    assert [line[2] for line in written(layout, **said)] == lines


def test_controllers_are_looked_for_one_by_one() -> None:
    """Memory on v2, processors on v1, and what neither has is refused before anything is made."""
    assert written(MIXED, memory_bytes=1000, cpu_shares=2) == [
        ("memory", "memory.max", "1000"),
        ("memory", "memory.swap.max", "1000"),
        ("cpu", "cpu.shares", "2"),
    ]
    with pytest.raises(HostLacks, match="--pids-limit cannot be honoured: this host has no pids controller"):
        plan(MIXED, Limits(pids=5))


@pytest.mark.parametrize("said", [{"memory_swappiness": 0}, {"memory_bytes": 9, "oom_kill_disable": True}])
def test_what_v2_has_not_is_refused(said: dict[str, Any]) -> None:
    """Swappiness and the hanging OOM are v1's."""
    with pytest.raises(HostLacks, match="cgroup v2 has no such setting"):
        plan(V2, Limits(**said))


def test_default_limit_is_left_out_where_there_is_no_controller() -> None:
    """Nobody asked for the limit of processes: a host that has none runs containers all the same."""
    assert plan(Layout("", (), {}), Limits()) == ()
    with pytest.raises(HostLacks, match="--pids-limit cannot be honoured"):
        plan(Layout("", (), {}), Limits(pids=2048))  # but this one somebody has


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 100), (262144, 10000), (512, 58), (2048, 173)])
def test_shares_become_weights(shares: int, weight: int) -> None:
    """The usual ones of both are the same, and so are both ends; in between one grows with the other."""
    assert weight_of_shares(shares) == weight
    assert weight_of_shares(shares - 1 if shares > 2 else 2) <= weight


def test_limit_whose_file_no_cgroup_has_is_found(tmp_path: Path) -> None:
    """A file that is in no root is looked for below; without anything below, nobody can know."""
    layout = Layout("", (), {"memory": str(tmp_path)})
    (tmp_path / "memory.limit_in_bytes").touch()
    writes = plan(layout, Limits(memory_bytes=1, memory_swap_bytes=2))
    assert find_missing(layout, writes) is None
    (tmp_path / "job").mkdir()
    missing = find_missing(layout, writes)
    assert missing is not None
    assert missing.option == "--memory-swap"
    (tmp_path / "job" / "memory.memsw.limit_in_bytes").touch()
    assert find_missing(layout, writes) is None
