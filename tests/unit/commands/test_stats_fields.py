"""What `stats` says of a container, from what was read of it."""

from __future__ import annotations

from typing import Any

import pytest

from quiltctl.commands._stats_fields import FIELDS, Row, cpu_time, document, sort
from quiltctl.db import containers
from quiltctl.model.figures import NOTHING, Figures, Traffic
from quiltctl.runtime.lifecycle.sample import Usage, cpu_percent

SECOND = 1_000_000_000
FIGURES = Figures(
    cpu_ns=2 * SECOND,
    user_ns=SECOND,
    system_ns=SECOND,
    memory_bytes=64_000_000,
    cache_bytes=5,
    memory_limit_bytes=256_000_000,
    swap_bytes=6,
    pids=7,
    pids_limit=2048,
    read_bytes=1_500,
    written_bytes=0,
    oom_kills=1,
    throttled=2,
    throttled_ns=3,
)
ID = "abc".ljust(64, "0")


def usage(at_s: float = 10, figures: Figures = FIGURES, **given: Any) -> Usage:
    """Return what a container that was started at the boot has used after so many seconds."""
    facts = {
        **dict.fromkeys(containers.Container._fields),
        "id": ID,
        "name": "web",
        "generation": 1,
        "state": "running",
        "pid_started": 0,
        **given,
    }
    return Usage(containers.Container(**facts), int(at_s * SECOND), figures, Traffic(1_000, 2_000_000))


def row(now: Usage, before: Usage | None = None) -> Row:
    """Return the row of a sample that was taken in 1970."""
    return Row(now, before, read_at=SECOND, whole=False)


def test_first_look_is_the_average_since_the_start() -> None:
    """Two of ten seconds; 100 is all of one processor."""
    assert cpu_percent(usage(10)) == 20.0


def test_later_look_is_the_difference() -> None:
    """What it used between the two, of the time between the two."""
    before = usage(8, Figures(cpu_ns=SECOND))

    assert cpu_percent(usage(10), before) == 50.0


def test_container_that_began_anew_is_looked_at_for_the_first_time() -> None:
    """The figures of its run before are another cgroup's."""
    assert cpu_percent(usage(10, generation=2), usage(8, Figures(cpu_ns=9 * SECOND))) == 20.0


def test_counter_that_went_back_is_no_negative_share() -> None:
    """Kernels do not promise that it never does."""
    assert cpu_percent(usage(10, Figures(cpu_ns=1)), usage(8, Figures(cpu_ns=2))) == 0.0


@pytest.mark.parametrize("state", ["running", "exited"])
def test_share_that_nobody_knows_is_none(state: str) -> None:
    """Without a cgroup, and of what does not run."""
    assert cpu_percent(usage(10, NOTHING, state=state)) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ID", ID[:12]),
        ("ContainerID", ID[:12]),
        ("Container", ID[:12]),
        ("Name", "web"),
        ("CPUPerc", "20.00%"),
        ("CPU", 20.0),
        ("AVGCPU", "20.00%"),
        ("MemUsage", "64MB / 256MB"),
        ("MemUsageBytes", "61.04MiB / 244.1MiB"),
        ("MemPerc", "25.00%"),
        ("MemLimit", 256_000_000),
        ("NetIO", "1kB / 2MB"),
        ("NetInput", 1_000),
        ("BlockIO", "1.5kB / 0B"),
        ("BlockOutput", 0),
        ("PIDS", "7"),
        ("PIDs", "7"),
        ("UpTime", "2s"),
        ("CPUNano", 2 * SECOND),
        ("OOMKills", 1),
    ],
)
def test_fields_are_those_of_docker_and_podman(name: str, shown: object) -> None:
    """Templates that were written for either find them."""
    assert FIELDS[name](row(usage())) == shown


@pytest.mark.parametrize("name", ["CPUPerc", "AVGCPU", "MemUsage", "MemPerc", "BlockIO", "PIDS", "UpTime"])
def test_figure_that_nobody_knows_is_two_dashes(name: str) -> None:
    """It is not 0."""
    assert FIELDS[name](row(usage(10, NOTHING))) == "--"


def test_document_has_plain_numbers() -> None:
    """Bytes, nanoseconds and per cent; null is not known."""
    whole = document(row(usage(), usage(8, Figures(cpu_ns=SECOND))))
    empty = document(row(usage(10, NOTHING, state="exited")))

    assert whole == {
        "ContainerID": ID,
        "Name": "web",
        "State": "running",
        "Time": "1970-01-01T00:00:01Z",
        "CPU": 50.0,
        "AvgCPU": 20.0,
        "CPUNano": 2 * SECOND,
        "CPUUserNano": SECOND,
        "CPUSystemNano": SECOND,
        "ThrottledPeriods": 2,
        "ThrottledNano": 3,
        "MemUsage": 64_000_000,
        "MemCache": 5,
        "MemLimit": 256_000_000,
        "MemPerc": 25.0,
        "MemSwap": 6,
        "OOMKills": 1,
        "NetInput": 1_000,
        "NetOutput": 2_000_000,
        "BlockInput": 1_500,
        "BlockOutput": 0,
        "PIDs": 7,
        "PIDsLimit": 2048,
        "UpNano": 10 * SECOND,
    }
    assert empty.keys() == whole.keys()
    assert {key for key, value in empty.items() if value is None} == {
        key for key in whole if key not in {"ContainerID", "Name", "State", "Time", "NetInput", "NetOutput"}
    }


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (None, "--"),
        (0, "0ns"),
        (999, "999ns"),
        (5_793_000, "5.793ms"),
        (17_500, "17.5µs"),
        (1_500_000_000, "1.5s"),
        (65 * SECOND, "1m5s"),
        (3_725_500_000_000, "1h2m5.5s"),
    ],
)
def test_cpu_time_is_as_go_writes_it(ns: int | None, shown: str) -> None:
    """In the largest unit that it fills."""
    assert cpu_time(ns) == shown


@pytest.mark.parametrize(
    ("key", "names"),
    [("created", "bac"), ("name", "abc"), ("cpu", "cba"), ("memory", "abc"), ("pids", "cba")],
)
def test_sort_brings_the_greatest_first(key: str, names: str) -> None:
    """Names come in their own order, and what nobody knows comes last."""
    figures = {
        "a": Figures(cpu_ns=1, memory_bytes=9),
        "b": Figures(cpu_ns=2, memory_bytes=5, pids=2),
        "c": Figures(cpu_ns=3, pids=8),
    }
    rows = [row(usage(10, figures[name], name=name)) for name in "bac"]

    assert "".join(one.now.container.name for one in sort(rows, key)) == names
