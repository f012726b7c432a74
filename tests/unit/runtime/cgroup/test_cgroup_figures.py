"""Figures of cgroups on the three layouts, from files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.model.figures import NOTHING, Figures
from quiltctl.runtime.cgroup.figures import Reader
from quiltctl.runtime.cgroup.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST_BYTES = 8 << 30
NO_LIMIT_V1 = 9223372036854771712
BASIC = "usage_usec 3500\nuser_usec 2000\nsystem_usec 1500\nnice_usec 0\n"
CPU_V2 = f"{BASIC}nr_periods 9\nnr_throttled 4\nthrottled_usec 70\nnr_bursts 0\nburst_usec 0\n"
IO_V2 = "8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=5 dios=1\n8:16 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n"
BLKIO = "8:0 Read 100\n8:0 Write 20\n8:0 Sync 5\n8:0 Total 125\n8:16 Read 1\n8:16 Write 2\nTotal 128\n"
MEMORY_V2 = "anon 10\nfile 900\ninactive_anon 3\nactive_anon 7\ninactive_file 600\nactive_file 300\n"
MEMORY_V1 = (
    "cache 1\ninactive_file 2\nhierarchical_memory_limit {limit}\n"
    "total_cache 900\ntotal_swap 50\ntotal_inactive_file 600\n"
)
V1 = {
    "cpuacct": {
        "cpuacct.usage": "3500001\n",
        "cpuacct.usage_user": "2000001\n",
        "cpuacct.usage_sys": "1500000\n",
    },
    "cpu": {"cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 70001\n"},
    "memory": {
        "memory.usage_in_bytes": "1000\n",
        "memory.stat": MEMORY_V1.format(limit=4096),
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    },
    "pids": {"pids.current": "3\n", "pids.max": "10\n"},
    "blkio": {"blkio.throttle.io_service_bytes_recursive": BLKIO, "blkio.bfq.io_service_bytes": "8:0 Read 7\n"},
}
V2 = {
    "cpu.stat": CPU_V2,
    "memory.current": "1000\n",
    "memory.max": "4096\n",
    "memory.stat": MEMORY_V2,
    "memory.swap.current": "50\n",
    "memory.events": "low 0\nhigh 0\nmax 1\noom 3\noom_kill 2\noom_group_kill 0\n",
    "pids.current": "3\n",
    "pids.max": "10\n",
    "io.stat": IO_V2,
}
ALL = {
    "memory_bytes": 400,
    "cache_bytes": 600,
    "memory_limit_bytes": 4096,
    "swap_bytes": 50,
    "pids": 3,
    "pids_limit": 10,
    "read_bytes": 101,
    "written_bytes": 22,
    "oom_kills": 2,
    "throttled": 4,
}


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., None]:
    """Give a function that writes files of a cgroup below a hierarchy."""

    def write(hierarchy: str, files: dict[str, str], path: str = "quilt/abc") -> None:
        directory = tmp_path / hierarchy / path
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text)

    return write


@pytest.fixture
def layout(tmp_path: Path) -> Callable[[str], Layout]:
    """Give a function that returns one of the layouts, mounted below the folder of the test."""

    def named(name: str) -> Layout:
        v1 = {controller: f"{tmp_path}/{controller}" for controller in V1}
        return {
            "unified": Layout(f"{tmp_path}/tree", ("cpu", "memory", "pids", "blkio"), {}),
            "hybrid": Layout(f"{tmp_path}/tree", ("hugetlb",), v1),
            "v1": Layout("", (), v1),
            "none": Layout("", (), {}),
        }[name]

    return named


def test_unified_figures_are_all_known(put: Callable[..., None], layout: Callable[[str], Layout]) -> None:
    """Times become nanoseconds, memory goes without its cache, and bytes are those of all devices."""
    put("tree", V2)

    figures = Reader(layout("unified"), HOST_BYTES).read("quilt/abc")

    times = {"cpu_ns": 3_500_000, "user_ns": 2_000_000, "system_ns": 1_500_000, "throttled_ns": 70_000}
    assert figures == Figures(**ALL, **times)


def test_v1_figures_are_all_known(put: Callable[..., None], layout: Callable[[str], Layout]) -> None:
    """Each controller is asked in its own hierarchy, and the throttling one is heard before bfq."""
    for hierarchy, files in V1.items():
        put(hierarchy, files)

    figures = Reader(layout("v1"), HOST_BYTES).read("quilt/abc")

    times = {"cpu_ns": 3_500_001, "user_ns": 2_000_001, "system_ns": 1_500_000, "throttled_ns": 70_001}
    assert figures == Figures(**ALL, **times)


def test_hybrid_takes_the_time_from_the_v2_tree(put: Callable[..., None], layout: Callable[[str], Layout]) -> None:
    """There it is counted without a controller; the rest, and who was throttled, is asked of v1."""
    for hierarchy, files in V1.items():
        put(hierarchy, files)
    put("tree", {"cpu.stat": BASIC})

    figures = Reader(layout("hybrid"), HOST_BYTES).read("quilt/abc")

    times = {"cpu_ns": 3_500_000, "user_ns": 2_000_000, "system_ns": 1_500_000, "throttled_ns": 70_001}
    assert figures == Figures(**ALL, **times)


def test_hybrid_takes_the_time_from_v1_where_the_tree_has_none(
    put: Callable[..., None], layout: Callable[[str], Layout]
) -> None:
    """A container that has no cgroup in the v2 tree is counted by cpuacct."""
    put("cpuacct", V1["cpuacct"])

    assert Reader(layout("hybrid"), HOST_BYTES).read("quilt/abc").cpu_ns == 3_500_001


@pytest.mark.parametrize("name", ["unified", "hybrid", "v1", "none"])
def test_cgroup_that_is_not_there_has_no_figures(layout: Callable[[str], Layout], name: str) -> None:
    """Its container has ended, which is no error."""
    assert Reader(layout(name), HOST_BYTES).read("quilt/abc") == NOTHING


@pytest.mark.parametrize("lacking", ["memory.current", "memory.stat", "pids.current", "io.stat", "memory.swap.current"])
def test_file_that_is_missing_leaves_its_own_figures_unknown(
    put: Callable[..., None], layout: Callable[[str], Layout], lacking: str
) -> None:
    """A controller that the cgroup has not been given takes no other figure with it."""
    put("tree", {name: text for name, text in V2.items() if name != lacking})

    figures = Reader(layout("unified"), HOST_BYTES).read("quilt/abc").to_dict()

    groups = {
        "memory": {"memory_bytes", "cache_bytes", "memory_limit_bytes", "swap_bytes", "oom_kills"},
        "pids.current": {"pids"},
        "io.stat": {"read_bytes", "written_bytes"},
        "memory.swap.current": {"swap_bytes"},
    }
    assert {name for name, value in figures.items() if value is None} == groups.get(lacking, groups["memory"])


@pytest.mark.parametrize(
    ("own", "above", "limit"),
    [
        ("max", {}, HOST_BYTES),
        (str(HOST_BYTES * 2), {}, HOST_BYTES),
        ("max", {"a/quilt": "5000"}, 5000),
        ("4096", {"a/quilt": "5000"}, 4096),
        ("4096", {"a/quilt": "max", "a": "100"}, 100),
    ],
)
def test_unified_limit_is_the_lowest_of_those_above(
    put: Callable[..., None], layout: Callable[[str], Layout], own: str, above: dict[str, str], limit: int
) -> None:
    """What is above the container limits it as well, and without any limit the host does."""
    put("tree", {**V2, "memory.max": f"{own}\n"}, "a/quilt/abc")
    for path, text in above.items():
        put("tree", {"memory.max": f"{text}\n"}, path)

    reader = Reader(layout("unified"), HOST_BYTES)

    assert [reader.read("a/quilt/abc").memory_limit_bytes for _ in range(2)] == [limit, limit]


@pytest.mark.parametrize(("hierarchical", "limit"), [(NO_LIMIT_V1, HOST_BYTES), (5000, 5000)])
def test_v1_limit_is_the_hierarchical_one(
    put: Callable[..., None], layout: Callable[[str], Layout], hierarchical: int, limit: int
) -> None:
    """The kernel works it out; its greatest number means that there is none."""
    put("memory", {**V1["memory"], "memory.stat": MEMORY_V1.format(limit=hierarchical)})

    assert Reader(layout("v1"), HOST_BYTES).read("quilt/abc").memory_limit_bytes == limit


def test_cache_that_seems_greater_than_the_memory_leaves_nothing(
    put: Callable[..., None], layout: Callable[[str], Layout]
) -> None:
    """The two files are not read at one moment, and no figure is negative."""
    put("tree", {**V2, "memory.current": "500\n"})

    assert Reader(layout("unified"), HOST_BYTES).read("quilt/abc").memory_bytes == 0


def test_pids_without_a_limit_have_none(put: Callable[..., None], layout: Callable[[str], Layout]) -> None:
    """The word max is no number."""
    put("tree", {**V2, "pids.max": "max\n"})

    figures = Reader(layout("unified"), HOST_BYTES).read("quilt/abc")

    assert (figures.pids, figures.pids_limit) == (3, None)


@pytest.mark.parametrize(
    "file",
    ["blkio.throttle.io_service_bytes", "blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_service_bytes"],
)
def test_v1_block_bytes_come_from_the_file_there_is(
    put: Callable[..., None], layout: Callable[[str], Layout], file: str
) -> None:
    """Kernels differ in which of the files they have."""
    put("blkio", {file: BLKIO})

    figures = Reader(layout("v1"), HOST_BYTES).read("quilt/abc")

    assert (figures.read_bytes, figures.written_bytes) == (101, 22)


@pytest.mark.parametrize(("hierarchy", "file", "text"), [("tree", "io.stat", ""), ("blkio", "total", "Total 0\n")])
def test_container_that_read_and_wrote_nothing_has_0_of_both(
    put: Callable[..., None], layout: Callable[[str], Layout], hierarchy: str, file: str, text: str
) -> None:
    """Nothing is a figure, as far as it was counted."""
    put(hierarchy, {file if hierarchy == "tree" else "blkio.throttle.io_service_bytes_recursive": text})

    figures = Reader(layout("unified" if hierarchy == "tree" else "v1"), HOST_BYTES).read("quilt/abc")

    assert (figures.read_bytes, figures.written_bytes) == (0, 0)
