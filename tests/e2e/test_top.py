"""`top`: the processes of a container, as its host and its own users see them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")


def rows(quilt: Quilt, *words: str) -> list[list[str]]:
    """Return the lines of `top` without the heading, in words."""
    return [line.split() for line in quilt.ok("top", *words).splitlines()[1:]]


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_top_shows_the_containers_own_numbers_and_names(quilt: Quilt, userns: str) -> None:
    """Users by the container's passwd, pids of its namespace; those of `exec` too, without a parent inside."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--userns", userns, "-u", "tester", "box", "sh", "-c", "sleep 1000; :")
    quilt.ok("exec", "-d", "-u", "0", "c", "sleep", "2000")
    quilt.eventually(lambda: len(rows(quilt, "c")) == 3)

    heading = quilt.ok("top", "c").splitlines()[0].split()
    found = [[*row[:3], *row[7:]] for row in rows(quilt, "c")]

    assert heading == ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"]
    first, second = ("tester", "1", "0", "sh", "-c", "sleep", "1000;", ":"), ("tester", "2", "1", "sleep", "1000")
    assert sorted(found) == sorted([[*first], [*second], ["root", "3", "0", "sleep", "2000"]])


def test_top_shows_a_paused_container_and_the_latest(quilt: Quilt) -> None:
    """By descriptors with commas or without; -l needs no name."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    pid = str(quilt.inspect("c")["State"]["Pid"])

    assert rows(quilt, "c", "pid,hpid", "state") == [["1", pid, "S"]]
    assert rows(quilt, "-l", "%p", "comm") == [["1", "sleep"]]
    assert json.loads(quilt.ok("top", "--json", "c", "pid", "hpid")) == [{"pid": 1, "hpid": int(pid)}]


@pytest.mark.parametrize("options", [("-ef",), ("aux",), ("-o", "comm,pid"), ("-o", "comm"), ("axf",)], ids=" ".join)
def test_top_gives_options_to_the_ps_of_the_host(quilt: Quilt, options: tuple[str, ...]) -> None:
    """The lines of the container's processes alone, with the host's numbers; JSON has them by heading."""
    quilt.ok("run", "-d", "--name", "other", *NONE, "box", "sleep", "3000")
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    pid = str(quilt.inspect("c")["State"]["Pid"])

    (line,) = rows(quilt, "c", *options)

    assert pid in line
    assert "sleep" in line
    (document,) = json.loads(quilt.ok("top", "--json", "c", *options))
    assert document["PID"] == pid


def test_top_without_a_cgroup_finds_what_belongs_together(quilt: Quilt) -> None:
    """Those of its PID namespace: also what `exec` runs, and what has lost its parent."""
    program = ("sh", "-c", "(sleep 1000 & sleep 0.1); sleep 2000; :")
    quilt.ok("run", "-d", "--name", "c", *NONE, "--cgroups", "disabled", "box", *program)
    quilt.ok("exec", "-d", "c", "sleep", "4000")

    def args() -> list[str]:
        return sorted(" ".join(row) for row in rows(quilt, "c", "args"))

    quilt.eventually(lambda: args() == [" ".join(program), "sleep 1000", "sleep 2000", "sleep 4000"])


def test_top_leaves_out_what_ends_meanwhile(quilt: Quilt) -> None:
    """While processes come and go by the dozen, every call succeeds and shows the one that stays."""
    program = "while :; do true & true & true & wait; done"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", program)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert ["1", "sh"] in rows(quilt, "c", "pid", "comm")
        assert quilt("top", "c", "-eo", "pid,args").returncode == 0


def test_top_of_a_hostile_container_obeys_nothing(quilt: Quilt) -> None:
    """A command line with escapes and newlines is one line in which they are visible, in a table and from ps.

    Seen red with `printable` left out of the table. The ps of procps makes its own lines harmless.
    """
    word = "a\x1b[2J\nb"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", "sleep 1000; :", word)
    quilt.eventually(lambda: len(rows(quilt, "c", "pid")) == 2)

    assert quilt.ok("top", "c", "args").splitlines() == ["COMMAND", "sh -c sleep 1000; : a\\x1b[2J\\nb", "sleep 1000"]
    text = quilt.ok("top", "c", "-o", "pid,args")
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert json.loads(quilt.ok("top", "--json", "c", "args"))[0] == {"args": f"sh -c sleep 1000; : {word}"}


def test_top_passes_on_no_escape_from_a_ps_that_lets_them_through(quilt: Quilt, tmp_path: Path) -> None:
    """Not every ps makes its lines harmless; what a pipe or a terminal gets is.

    Seen red with `printable` left out of what ps prints.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    pid = quilt.inspect("c")["State"]["Pid"]
    (tmp_path / "ps").write_text(f"#!/bin/sh\nprintf 'PID COMMAND\\n{pid} a\\033[2J\\n'\n")
    (tmp_path / "ps").chmod(0o755)
    quilt.environment["PATH"] = f"{tmp_path}:{quilt.environment['PATH']}"

    assert quilt.ok("top", "c", "-ef").splitlines() == ["PID COMMAND", f"{pid} a\\x1b[2J"]


def test_top_reads_no_passwd_of_the_host(quilt: Quilt) -> None:
    """A link to a file of the host's means the container's own file, and a FIFO in its place holds nobody up.

    Seen red with RESOLVE_IN_ROOT left out, and with O_NONBLOCK left out.
    """
    names = "printf 'liar:x:0:0::/:\\n' > /lies; ln -sf /lies /etc/passwd; rm /etc/group; mkfifo /etc/group"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", f"{names}; exec sleep 1000")
    quilt.eventually(lambda: quilt.ok("top", "c", "comm").splitlines()[1:] == ["sleep"])
    assert rows(quilt, "c", "user", "group") == [["liar", "0"]]
    quilt.ok("exec", "c", "ln", "-sf", "../../../../../../etc/passwd", "/etc/passwd")
    assert rows(quilt, "c", "user") == [["0"]]


def test_top_of_what_does_not_run_is_an_error(quilt: Quilt) -> None:
    """125 and the state; JSON where that is asked for."""
    quilt.ok("run", "--name", "c", *NONE, "box", "true")

    done = quilt("top", "c")
    as_json = quilt("top", "--json", "c")

    sentence = "cannot show the processes of c: it is not running"
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (125, "", f"Error: {sentence}")
    assert json.loads(as_json.stderr)["error"]["code"] == "wrong_state"
    assert json.loads(as_json.stderr)["error"]["message"] == sentence
