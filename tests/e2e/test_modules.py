"""What each hot verb imports, asked of the installed command: a module costs more than the query that it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

HEAVY = {
    "typer",
    "rich",
    "psutil",
    "pyroute2",
    "prometheus_client",
    "asyncio",
    "subprocess",
    "re",
    "inspect",
    "dataclasses",
    "typing",
    "enum",
    "pathlib",
    "json",
    "importlib.metadata",
    "sqlite3",
    "contextlib",
}
NONE = ("--network", "none")


@pytest.mark.parametrize(
    "words",
    [
        ("ps",),
        ("ps", "-a", "-q", "--no-trunc"),
        ("ps", "--filter", "status=running"),
        ("inspect", "c"),
        ("logs", "c"),
        ("stats", "--no-stream"),
        ("exec", "c", "true"),
        ("run", "-d", *NONE, "box", "true"),
        ("run", "--rm", *NONE, "box", "true"),
        ("run", "-d", "box", "true"),
        ("run", "--rm", "-p", "8080:80", "--egress", "deny", "box", "true"),
        ("network", "create", "app"),
        ("network", "ls"),
        ("network", "ls", "-q", "--filter", "name=app"),
        ("top", "c"),
        ("kill", "-s", "CONT", "c"),
        ("wait", "done"),
        ("stop", "done"),
        ("rm", "done"),
    ],
    ids=" ".join,
)
def test_hot_verbs_load_nothing_heavy(quilt: Quilt, words: tuple[str, ...]) -> None:
    """With output to a pipe, none of the modules that the start-up budget cannot bear is loaded."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    quilt.ok("run", "--name", "done", *NONE, "box", "true")
    script = Path(sys.executable).with_name("quiltctl")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", script, *words],
        env=quilt.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.returncode == 0, done.stderr[-500:]
    assert "quiltctl.paths" in loaded
    assert {name for name in loaded if name in HEAVY or name.split(".")[0] in HEAVY} == set()
