"""The program `ps` of the host, and others in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.errors import HostLacks, QuiltError
from quiltctl.runtime import host_program, host_ps

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a shell script the ps that is found."""
    (folder / "ps").write_text(f"#!/bin/sh\n{text}")
    (folder / "ps").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("options", [("-ef",), ("aux",), ("-A", "-o", "comm,pid"), ("axf",), ("-eo", "pid,args")])
def test_ps_lists_the_asked_for_alone(options: tuple[str, ...]) -> None:
    """Whatever else runs on the host, one line for each process that is asked for."""
    me, parent = os.getpid(), os.getppid()

    listing = host_ps.run(options, [me, parent])

    assert "PID" in listing.heading.split()
    assert {pid for pid, _ in listing.lines} == {me, parent}
    assert all(str(pid) in line.split() for pid, line in listing.lines)


def test_column_of_numbers_is_added_where_columns_are_chosen() -> None:
    """It comes first, where no name of a process can come before it."""
    listing = host_ps.run(("-o", "comm"), [os.getpid()])

    assert listing.heading.split() == ["PID", "COMMAND"]
    assert [pid for pid, _ in listing.lines] == [os.getpid()]


def test_name_with_blanks_hides_no_process_and_is_none_of_its_numbers() -> None:
    """What comes after a name that a program has chosen is no number to go by."""
    name = f"x {os.getppid()} y"
    program = f"import prctl; prctl.set_name({name!r}); print('up', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()

    listing = host_ps.run(("-o", "comm,pid"), [child.pid, os.getppid()])

    child.kill()
    child.communicate()
    assert {pid: name in line for pid, line in listing.lines} == {child.pid: True, os.getppid(): False}
    assert len(listing.lines) == 2


def test_lines_are_whole_whatever_the_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell may have told its width to everybody."""
    child = subprocess.Popen(["sh", "-c", "read line", "x" * 300], stdin=subprocess.PIPE)
    monkeypatch.setenv("COLUMNS", "40")

    listing = host_ps.run(("-ef",), [child.pid])

    child.kill()
    child.communicate()
    assert "x" * 300 in listing.lines[0][1]


def test_ps_without_the_quick_choice_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ps has no -q, as that of busybox, the lines are chosen here."""
    put(tmp_path, '[ $# = 1 ] || exit 1; printf "PID CMD\\n7 a\\n77 b 8\\n8 c\\n"', monkeypatch)

    listing = host_ps.run(("-ef",), [7, 8])

    assert listing == host_ps.Listing("PID CMD", ((7, "7 a"), (8, "8 c")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("-Q",), "cannot run `ps -Q` on the host: "),
        (("--no-headers", "-ef"), "cannot tell the container's processes from what `ps --no-headers -ef` prints"),
    ],
)
def test_ps_that_says_no_is_an_error_with_a_hint(options: tuple[str, ...], sentence: str) -> None:
    """What ps complains of is passed on; and without a heading nobody knows the numbers."""
    with pytest.raises(QuiltError) as raised:
        host_ps.run(options, [os.getpid()])

    assert str(raised.value).startswith(sentence)
    assert "-o pid,comm" in (raised.value.hint or "")


def test_host_without_ps_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names the package."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(host_program, "FOLDERS", (str(tmp_path),))

    with pytest.raises(HostLacks) as raised:
        host_ps.run(("-ef",), [1])

    assert "procps" in (raised.value.hint or "")


def test_word_of_ps_is_no_command(tmp_path: Path) -> None:
    """No shell sees the options."""
    with pytest.raises(QuiltError):
        host_ps.run((f"-ef; touch {tmp_path}/made",), [os.getpid()])

    assert list(tmp_path.iterdir()) == []
