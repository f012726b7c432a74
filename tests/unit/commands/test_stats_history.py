"""`stats --history`: the past, as far as it was recorded."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import samples
from quiltctl.db.connection import open_to_write, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

SECOND = 1_000_000_000


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
    assert re.match(
        r"web: CPU of one processor, highest (39\.9|40\.0)\d%, last ", lines[0]
    )  # the clock goes on meanwhile
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
