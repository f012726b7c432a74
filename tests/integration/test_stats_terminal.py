"""`stats` before the eyes of somebody: drawn in its place, as much as fits, and the terminal given back as it was."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction
from tests.containers import add_container, this_process
from tests.terminal import Terminal, rendered

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

    Watch = Callable[..., Terminal]

COMMAND = str(Path(sys.executable).with_name("quiltctl"))
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
BEGIN = "\x1b[?2026h\x1b[H"


@pytest.fixture
def connection(quilt_root: Paths) -> sqlite3.Connection:
    """Give thirty containers, each of which has this process for its shim and for its program."""
    opened = open_to_write(quilt_root)
    pid, started = this_process()
    for number in range(30):
        facts = {"pid": pid, "pid_started": started}
        add_container(opened, f"{number + 1:02x}".ljust(64, "0"), f"agent-{number:02}", "running", facts=facts)
    return opened


@pytest.fixture
def watch(quilt_root: Paths, connection: sqlite3.Connection) -> Iterator[Watch]:  # noqa: ARG001 (it fills the root)
    """Give a function that watches the containers in a window of so many columns and rows."""
    opened: list[Terminal] = []

    def begin(columns: int, rows: int, *words: str, **environment: str) -> Terminal:
        kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        whole = {**kept, "QUILT_ROOT": quilt_root.root, "TERM": "xterm", **environment}
        opened.append(Terminal([COMMAND, "stats", *words], columns, rows, whole))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close()


def is_drawn(terminal: Terminal) -> bool:
    """Return whether a whole picture is there."""
    return terminal.raw.count("\x1b[?2026l") > 0


def test_window_that_is_too_small_shows_the_busiest_and_tells_of_the_rest(watch: Watch) -> None:
    """Never more rows than there are, and the last one is for those that are not shown."""
    terminal = watch(100, 10, "-i", "60")
    terminal.until(is_drawn)

    screen = terminal.screen

    headings = "ID  NAME  CPU %  MEM USAGE / LIMIT  MEM %  NET IO  BLOCK IO  PIDS  CPU TIME"
    assert re.sub("  +", "  ", screen[0]) == headings
    assert [line.split()[1] for line in screen[1:9]] == [f"agent-{number:02}" for number in range(8)]
    assert screen[9] == "22 more not shown; all 30: CPU 0.00%, memory 0B"


def test_window_that_is_large_enough_shows_all(watch: Watch) -> None:
    """Then there is no word of a rest."""
    terminal = watch(100, 40, "-i", "60")
    terminal.until(is_drawn)

    assert [line.split()[1] for line in terminal.screen[1:31]] == [f"agent-{number:02}" for number in range(30)]
    assert set(terminal.screen[31:]) == {""}


@pytest.mark.parametrize(("columns", "rows"), [(40, 5), (20, 3), (140, 50), (5, 1), (1, 1)])
def test_picture_follows_the_window_at_once(watch: Watch, columns: int, rows: int) -> None:
    """It does not wait for the next look, and nothing is longer or lower than the window."""
    terminal = watch(80, 24, "-i", "60")
    terminal.until(is_drawn)
    drawn = terminal.raw.count(BEGIN)

    terminal.resize(columns, rows)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.until(lambda one: one.raw.count(BEGIN) > drawn and one.raw.endswith("\x1b[?2026l"))

    last = terminal.raw.rpartition(BEGIN)[2]
    wide, high = rendered(last, 300, 60), rendered(last, columns, rows)
    assert [line for line in wide if line] == [line for line in high if line]
    assert last.count("\n") < rows
    if rows > 1:
        assert [line.split()[:1] for line in high[:1]] == [["ID" if columns > 100 else "NAME"]]


def test_pictures_are_drawn_over_each_other_in_one_piece(watch: Watch) -> None:
    """The window is never empty in between: nothing clears it, and each picture comes framed."""
    terminal = watch(80, 24, "-i", "0.1")
    terminal.until(lambda one: one.raw.count(BEGIN) > 3)

    _, text = terminal.end(signal.SIGINT)

    assert "\x1b[2J" not in text
    assert text.count(BEGIN) == text.count("\x1b[?2026l")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_terminal_is_given_back_whatever_ends_it(watch: Watch, number: int, code: int) -> None:
    """The screen from before, the cursor and the wrapping of lines are there again, and the last picture stays."""
    terminal = watch(80, 10, "-i", "60")
    terminal.until(is_drawn)

    ended, text = terminal.end(number)

    assert ended == code
    assert text.startswith(ENTER)
    before, left, after = text.partition(LEAVE)
    assert (before.count(ENTER), left) == (1, LEAVE)
    stays = after.replace("\r", "").splitlines()
    assert stays[0].startswith("\x1b[1mID")
    assert stays[-1].startswith("23 more not shown")
    assert "Traceback" not in text


def test_shell_has_the_terminal_while_the_process_is_stopped(watch: Watch) -> None:
    """Ctrl-Z gives it back, and fg takes it again, with a picture at once."""
    terminal = watch(80, 10, "-i", "60")
    terminal.until(is_drawn)

    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda one: one.raw.endswith(LEAVE))
    os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOWAIT)
    terminal.process.send_signal(signal.SIGCONT)

    terminal.until(lambda one: one.raw.partition(LEAVE)[2].startswith(ENTER) and one.raw.endswith("\x1b[?2026l"))


@pytest.mark.parametrize(
    ("words", "environment"), [(("--no-reset",), {}), ((), {"TERM": "dumb"}), (("--json",), {})], ids=str
)
def test_looks_come_one_after_the_other_where_that_is_asked_for(
    watch: Watch, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    """A terminal that cannot move its cursor, --no-reset, and JSON get no control sequences."""
    terminal = watch(200, 24, "-i", "0.1", *words, **environment)
    terminal.until(lambda one: one.raw.count("agent-00") > 2)

    code, text = terminal.end(signal.SIGINT)

    assert code == 130
    assert "\x1b" not in text


def test_no_color_is_heard(watch: Watch) -> None:
    """The picture is there, without its bold heading."""
    terminal = watch(80, 24, "-i", "60", NO_COLOR="1")
    terminal.until(is_drawn)

    assert "agent-00" in terminal.raw
    assert "\x1b[1m" not in terminal.raw


def test_template_is_drawn_in_its_place_too(watch: Watch) -> None:
    """With its headings, and a word of the rest."""
    terminal = watch(30, 4, "-i", "60", "--format", "table {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}")
    terminal.until(is_drawn)

    assert terminal.screen == [
        "NAME        CPU %       MEM US",
        "agent-00    --          --",
        "agent-01    --          --",
        "28 more not shown; all 30: ...",
    ]


def test_container_that_ends_drops_out(watch: Watch, connection: sqlite3.Connection) -> None:
    """The others stay, and nothing is said of it."""
    terminal = watch(80, 40, "-i", "0.1")
    terminal.until(lambda one: is_drawn(one) and len([line for line in one.screen if line]) == 31)

    with transaction(connection):
        containers.move(connection, "01".ljust(64, "0"), 1, ("running",), "exited", exit_reason="exited", finished_at=1)

    terminal.until(lambda one: one.raw.endswith("\x1b[?2026l") and len([line for line in one.screen if line]) == 30)
    assert "agent-00" not in "".join(terminal.screen)


def test_container_that_is_named_stays_until_it_is_removed(watch: Watch, connection: sqlite3.Connection) -> None:
    """Without figures once it has ended; with the last of them the command ends, since nothing can come any more."""
    container_id = "01".ljust(64, "0")
    terminal = watch(80, 10, "-i", "0.1", "agent-00")
    terminal.until(is_drawn)
    with transaction(connection):
        containers.move(connection, container_id, 1, ("running",), "exited", exit_reason="exited", finished_at=1)
    terminal.until(lambda one: one.raw.endswith("\x1b[?2026l") and one.screen[1].split()[-1] == "--")

    with transaction(connection):
        containers.delete(connection, container_id, 1)

    assert terminal.process.wait(20) == 0
