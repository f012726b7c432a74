"""The command as a process: what it prints, where, and the code it ends with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

PACKAGE = Path(__file__).parents[3]
# A verb of the test's own in the place of rename: it does what its first word says.
VERB = """
import os, sqlite3, sys, time
from quiltctl import __main__, errors
from quiltctl.cli import table
from quiltctl.commands import rename
from quiltctl.model.parameters import Argument, Flag, Option, Verb

def command(paths, *, what, json, format, more):
    print("begun", flush=what == "wait")
    if what == "notfound": raise errors.NotFound("container", "web\\n\\033[31m", hint="list them")
    if what == "absent": raise errors.ProgramNotFound("no program")
    if what == "sqlite": sqlite3.connect(":memory:").execute("nonsense")
    if what == "kernel": os.open("/nosuch/file", os.O_RDONLY)
    if what == "pipe": reader, writer = os.pipe(); os.close(reader); os.write(writer, b"x")
    if what == "much": [print("x" * 1000) for _ in range(1000)]
    if what == "bytes": print("\\udcff")
    if what == "wait": time.sleep(60)
    if what == "defect": {}["oh"]
    if what == "root": print(paths.root)
    if what == "open":
        kept = sqlite3.connect("kept.db")
        kept.execute("PRAGMA journal_mode = WAL")
        kept.execute("CREATE TABLE t(x)")
    return 7 if what == "seven" else 0

rename.command = command
rename.VERB = Verb("", (Flag(("--json",), ""), Option(("--format",), ""), Argument("what", ""),
                        Argument("more", "", required=False, multiple=True)))
__main__.main()
"""
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a function that runs the command with the verb above, in a directory of its own."""

    def run_line(*line: str, **options: object) -> subprocess.CompletedProcess[str]:
        options = {"stdout": subprocess.PIPE, "env": ENVIRONMENT, **options}
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            [sys.executable, "-c", VERB, *line], stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False, **options
        )

    return run_line


ENDS = [
    (["rename", "fine"], 0, ""),
    (["rename", "seven"], 7, ""),
    (["rename", "notfound"], 125, 'Error: no such container: "web\\n\\x1b[31m"\nhint: list them\n'),
    (["rename", "absent"], 127, "Error: no program\n"),
    (["rename", "sqlite"], 125, 'Error: the database quilt.db refused: near "nonsense": syntax error\n'),
    (["rename", "kernel"], 125, "Error: /nosuch/file: No such file or directory\n"),
    (["rename", "pipe"], 125, "Error: Broken pipe\n"),
    (
        ["rename", "defect"],
        125,
        "Error: internal error: KeyError: 'oh'\nhint: this is a defect of quiltctl; QUILT_DEBUG=1 shows where\n",
    ),
    (
        ["rename", "notfound", "--json"],
        125,
        (
            '{"error": {"code": "not_found", "message": "no such container: \\"web\\n\\u001b[31m\\"",'
            ' "hint": "list them"}}\n'
        ),
    ),
    (
        ["--log-level", "debug", "rename", "absent", "--format=json"],
        127,
        '{"error": {"code": "program_not_found", "message": "no program", "hint": null}}\n',
    ),
    (["rename", "--format", "{{json .}}", "absent"], 127, "Error: no program\n"),
    (["rename", "absent", "--", "--json"], 127, "Error: no program\n"),
]


@pytest.mark.parametrize(("line", "code", "err"), ENDS)
def test_command_ends_with_the_code_and_the_words_of_its_error(run: Run, line: list[str], code: int, err: str) -> None:
    """One sentence and a hint, or one document; no escape sequence from outside; no traceback, unless asked for."""
    done = run(*line)
    told = "".join(done.stderr.splitlines(keepends=True)[-err.count("\n") :]) if "debug" in line else done.stderr
    assert (done.returncode, told, done.stdout) == (code, err, "begun\n")


USAGE = [
    (["nosuch"], 'Error: unknown command "nosuch"\nhint: see: quiltctl --help\n'),
    (
        ["nosuch", "--json"],
        '{"error": {"code": "usage", "message": "unknown command \\"nosuch\\"", "hint": "see: quiltctl --help"}}\n',
    ),
    (["rename", "--nosuch"], "Error: unknown option --nosuch\nhint: see: quiltctl rename --help\n"),
    (
        ["rename", "--nosuch", "--format", "json"],
        '{"error": {"code": "usage", "message": "unknown option --nosuch", "hint": "see: quiltctl rename --help"}}\n',
    ),
]


@pytest.mark.parametrize(("line", "err"), USAGE)
def test_wrong_line_ends_with_125(run: Run, line: list[str], err: str) -> None:
    """Errors of usage are of quiltctl's own, as podman has them, and in JSON for who asked for it."""
    done = run(*line)
    assert (done.returncode, done.stderr, done.stdout) == (125, err, "")


@pytest.mark.parametrize(("line", "environment"), [(["--log-level=debug"], {}), ([], {"QUILT_DEBUG": "1"})])
def test_debugging_shows_the_traceback(run: Run, line: list[str], environment: dict[str, str]) -> None:
    """Who asks where an error came from sees it, before the sentence."""
    done = run("rename", "absent", *line, env={**ENVIRONMENT, **environment})
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("\nError: no program\n")


def test_full_disk_is_no_success(run: Run) -> None:
    """Output that could not be written is an error."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run("rename", "fine", stdout=full)
    assert (done.returncode, done.stderr) == (125, "Error: No space left on device\n")


@pytest.mark.parametrize("what", ["much", "fine"])
def test_closed_pipe_ends_quietly(run: Run, what: str) -> None:
    """When the reader has gone, nothing is said, and the code is that of SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run("rename", what, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_ends_quietly_with_130(tmp_path: Path) -> None:
    """An interrupted command says nothing and ends as shells expect."""
    line = [sys.executable, "-c", VERB, "rename", "wait"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "")


def test_closed_standard_streams_are_no_one_elses(tmp_path: Path) -> None:
    """A file opened by the command never gets the number of a closed standard output, nor messages in it."""
    shell = 'exec "$0" -c "$1" rename open >&- 2>&- <&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable, VERB], cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert (done.returncode, b"begun" in (tmp_path / "kept.db").read_bytes()) == (0, False)


def test_connections_are_left_open(run: Run, tmp_path: Path) -> None:
    """The process ends without closing the database, so that its -wal and -shm stay for readers."""
    assert run("rename", "open").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.db", "kept.db-shm", "kept.db-wal"]


def test_names_go_out_with_the_bytes_they_came_with(tmp_path: Path) -> None:
    """A name that is not UTF-8 is printed as it is."""
    strict = {**ENVIRONMENT, "PYTHONIOENCODING": "utf-8:strict"}  # as it is in most locales
    done = subprocess.run(
        [sys.executable, "-c", VERB, "rename", "bytes"], capture_output=True, cwd=tmp_path, env=strict, check=True
    )
    assert done.stdout == b"begun\n\xff\n"


@pytest.mark.parametrize("line", [["--root", "/r", "rename", "root"], ["rename", "root", "--root=/r"]])
def test_root_may_stand_on_either_side_of_the_verb(run: Run, line: list[str]) -> None:
    """The option wins over the variable, wherever it stands."""
    assert run(*line, env={**ENVIRONMENT, "QUILT_ROOT": "/elsewhere"}).stdout == "begun\n/r\n"


@pytest.mark.parametrize("line", [["--version"], ["-v"]])
def test_version_is_one_line(run: Run, line: list[str]) -> None:
    """The version as podman prints its own."""
    from quiltctl import __version__

    assert run(*line).stdout == f"quiltctl version {__version__}\n"


def test_module_is_the_command() -> None:
    """``python -m quiltctl`` is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "quiltctl", "--version"], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout.startswith("quiltctl version ")


def test_good_line_loads_no_typer(tmp_path: Path) -> None:
    """What the fast reader understands is paid for by nobody else's imports."""
    heavy = "typer rich inspect re typing enum dataclasses pathlib json importlib.metadata subprocess asyncio"
    # -X importtime names every module on standard error, also those that were dropped again.
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-S", "-c", VERB, "rename", "fine"],
        capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert loaded & set(heavy.split()) == set()
