"""`stats`: which containers it shows, how, and what it refuses."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from quiltctl.db.connection import open_to_read
from quiltctl.errors import NotFound, UsageError
from quiltctl.runtime.lifecycle.sample import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["web", "still"]),
        (("-a",), ["web", "still", "old", "lost"]),
        (("old",), ["old"]),
        (("still", "web"), ["still", "web"]),
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
        call("stats", "--no-stream", *words)


def test_stats_where_nothing_is_makes_nothing(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """A heading, and no database."""
    assert call("stats", "--no-stream") == 0

    assert capsys.readouterr().out.count("\n") == 1
    assert not os.path.exists(quilt_root.root)


def test_stats_reads_all_containers_by_one_query(call: Call, capsys: Capture, quilt_root: Paths, run: Make) -> None:
    """However many there are."""
    for number in range(5):
        run(f"c{number}")
    statements: list[str] = []
    connection = open_to_read(quilt_root)
    connection.set_trace_callback(statements.append)

    found = sample(quilt_root, connection)

    assert (len(found), len(statements)) == (5, 1)
    assert call("stats", "--no-stream") == 0
    assert capsys.readouterr().out.count("\n") == 6
