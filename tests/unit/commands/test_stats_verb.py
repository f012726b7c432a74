"""`stats`: its fields, its choice of containers, and the past."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.commands._stats_fields import FIELDS, Row, cpu_time, document, sort
from quiltctl.db import containers, samples
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.errors import NotFound, UsageError
from quiltctl.model.figures import NOTHING, Figures, Traffic
from quiltctl.runtime.lifecycle.sample import Usage, cpu_percent
from tests.containers import this_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

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


@pytest.fixture
def run(make: Make) -> Make:
    """Give a function that makes a container whose program and shim are this process."""
    pid, started = this_process()

    def make_running(name: str, state: str = "running", **facts: Any) -> str:
        return make(name, state, facts={"pid": pid, "pid_started": started, **facts})

    return make_running


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


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["web", "still"]),
        (("-a",), ["web", "still", "old", "lost"]),
        (("old",), ["old"]),
        (("still", "web"), ["web", "still"]),
        (("-l",), ["lost"]),
        (("-a", "--sort", "name"), ["lost", "old", "still", "web"]),
    ],
)
def test_stats_shows_what_is_asked_for(
    call: Call, capsys: Capture, make: Make, run: Make, words: tuple[str, ...], names: list[str]
) -> None:
    """Those that run, paused ones too; all; or those that are named, also when they do not run."""
    run("web")
    run("still", "paused")
    make("old", "exited")
    make("lost", "running", lost=True)

    call("stats", "--no-stream", "--format", "{{.Name}}", *words)

    assert capsys.readouterr().out.split() == names


def test_stats_has_podmans_columns(call: Call, capsys: Capture, run: Make, make: Make) -> None:
    """What has no cgroup has no figures, one without a network of its own has 0 of traffic, and what ended has none."""
    run("web")
    make("old", "exited")

    call("stats", "--no-stream", "-a")

    assert [re.split("  +", line) for line in capsys.readouterr().out.splitlines()] == [
        ["ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET IO", "BLOCK IO", "PIDS", "CPU TIME", "AVG CPU %"],
        ["100000000000", "web", "--", "--", "--", "0B / 0B", "--", "--", "--", "--"],
        ["200000000000", "old", *["--"] * 8],
    ]


def test_stats_of_a_table_template_has_headings(call: Call, capsys: Capture, run: Make) -> None:
    """As docker and podman have them."""
    run("web")

    call("stats", "--no-stream", "--format", "table {{.Name}} {{.CPUPerc}} {{.PIDs}}")

    assert capsys.readouterr().out == "NAME        CPU %       PIDS\nweb         --          --\n"


def test_stats_of_what_does_not_exist_shows_nothing(call: Call, capsys: Capture, run: Make) -> None:
    """The others neither."""
    run("web")

    with pytest.raises(NotFound, match='no such container: "nope"'):
        call("stats", "--no-stream", "web", "nope")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-a", "web"), "exclude each other"),
        (("-l", "web"), "exclude each other"),
        (("-a", "-l"), "exclude each other"),
        (("-i", "0"), "--interval takes seconds"),
        (("-i", "-1"), "--interval takes seconds"),
        (("-i", "nan"), "--interval takes seconds"),
        (("-i", "inf"), "--interval takes seconds"),
        (("--history", "x"), 'cannot read the duration "x"'),
        (("--history", "0s"), "cannot look back"),
    ],
)
def test_stats_refuses_what_makes_no_sense(call: Call, run: Make, words: tuple[str, ...], said: str) -> None:
    """Before anything is shown."""
    run("web")

    with pytest.raises(UsageError, match=said):
        call("stats", *words)


def test_stats_where_nothing_is_makes_nothing(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """A heading, and no database."""
    assert call("stats", "--no-stream") == 0

    assert capsys.readouterr().out.count("\n") == 1
    assert not os.path.exists(quilt_root.root)


def record(paths: Paths, *rows: dict[str, Any]) -> None:
    """Write samples; ``ago`` is how many seconds ago each was taken."""
    connection = open_to_write(paths)
    now = time.time_ns()
    for one in rows:
        facts = {**dict.fromkeys(samples.Sample._fields), "generation": 1, **one}
        facts["at"] = now - int(facts.pop("ago") * SECOND)
        with transaction(connection):
            samples.record(connection, [samples.Sample(**facts)], apart_ns=0)
    connection.close()


def test_history_says_what_was_used_between_two_samples(
    call: Call, capsys: Capture, quilt_root: Paths, run: Make
) -> None:
    """The first of the time is told by the one before it, and the first of a run by the moment of its start."""
    old = run("old", started_at=time.time_ns() - 300 * SECOND)
    record(
        quilt_root,
        {"container_id": old, "ago": 200, "cpu_ns": 10 * SECOND, "memory_bytes": 1, "memory_limit_bytes": 4},
        {"container_id": old, "ago": 100, "cpu_ns": 60 * SECOND},
        {"container_id": old, "ago": 50, "cpu_ns": 60 * SECOND},
    )

    call("stats", "--history", "1h", "--json", "old")
    whole = json.loads(capsys.readouterr().out)
    call("stats", "--history", "150s", "--format", "{{.CPU}}")
    later = [float(word) for word in capsys.readouterr().out.split()]

    assert [one["CPU"] for one in whole] == [pytest.approx(share, abs=0.5) for share in (10, 50, 0)]
    assert [(one["MemUsage"], one["MemPerc"]) for one in whole] == [(1, 25.0), (None, None), (None, None)]
    assert whole[0].keys() >= {"ContainerID", "Name", "Time", "Starts", "PIDs", "NetInput", "BlockOutput"}
    assert later == [pytest.approx(share, abs=0.5) for share in (50, 0)]


def test_history_of_an_earlier_run_is_told_apart(call: Call, capsys: Capture, quilt_root: Paths, run: Make) -> None:
    """What is counted begins anew with each start: between two runs there is no difference."""
    web = run("web", started_at=time.time_ns() - 100 * SECOND)
    record(quilt_root, {"container_id": web, "ago": 50, "cpu_ns": 50 * SECOND})
    connection = open_to_write(quilt_root)
    now = time.time_ns()
    for ago, used in ((400, 5), (300, 105)):
        connection.execute(
            "INSERT INTO samples (container_id, at, generation, cpu_ns) VALUES (?, ?, 9, ?)",
            (web, now - ago * SECOND, used * SECOND),
        )

    call("stats", "--history", "1h", "--json", "web")

    shares = [one["CPU"] for one in json.loads(capsys.readouterr().out)]
    assert shares == [None, pytest.approx(100, abs=1), pytest.approx(100, abs=1)]


def test_history_is_drawn(
    call: Call, capsys: Capture, quilt_root: Paths, run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two curves, each under a sentence with its figures, as wide as it is told."""
    monkeypatch.setenv("COLUMNS", "60")
    web = run("web", started_at=time.time_ns() - 300 * SECOND)
    facts = {"container_id": web, "memory_bytes": 64_000_000, "memory_limit_bytes": 256_000_000}
    record(quilt_root, {**facts, "ago": 200, "cpu_ns": 40 * SECOND}, {**facts, "ago": 100, "cpu_ns": 60 * SECOND})

    call("stats", "--history", "10m")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("web: CPU of one processor, highest 40.0")
    assert lines[10] == "web: memory, highest 64MB, last 64MB, limit 256MB"
    assert lines[1].startswith("50% |")
    assert lines[11].startswith("100MB |")
    assert max(map(len, lines)) == 60


def test_history_that_nobody_recorded_is_told(call: Call, capsys: Capture, run: Make) -> None:
    """With the way to have one the next time."""
    run("web")

    code = call("stats", "--history", "1h", "web")

    printed = capsys.readouterr()
    assert (code, printed.out) == (0, "")
    assert printed.err == (
        "no samples of web from the last 1h\n"
        "hint: quiltctl gc records them: run it from cron or a timer, every few minutes\n"
    )


def test_history_of_nothing_is_an_empty_list(call: Call, capsys: Capture) -> None:
    """For scripts; people are told that no container runs."""
    call("stats", "--history", "1h", "--json")
    call("stats", "--history", "1h")

    assert capsys.readouterr() == ("[]\n", "no container runs\n")


def test_stats_reads_all_containers_by_one_query(call: Call, capsys: Capture, quilt_root: Paths, run: Make) -> None:
    """However many there are."""
    from quiltctl.runtime.lifecycle.sample import sample

    for number in range(5):
        run(f"c{number}")
    statements: list[str] = []
    connection = open_to_read(quilt_root)
    connection.set_trace_callback(statements.append)

    found = sample(quilt_root, connection)

    assert (len(found), len(statements)) == (5, 1)
    assert call("stats", "--no-stream") == 0
    assert capsys.readouterr().out.count("\n") == 6
