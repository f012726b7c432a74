"""The verbs that look after a root and its host, as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import cleanup
from quiltctl.db.connection import open_to_write, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from quiltctl.paths import Paths

COMMAND = os.path.join(sys.prefix, "bin", "quiltctl")
Done = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def quiltctl(quilt_root: Paths) -> Iterator[Callable[..., Done]]:
    """Give the installed command, on a root of its own that is emptied afterwards."""

    def call(*words: str) -> Done:
        environment = {**os.environ, "QUILT_ROOT": quilt_root.root}
        return subprocess.run(
            [COMMAND, *words], check=False, capture_output=True, text=True, env=environment, timeout=60
        )

    yield call
    call("rm", "-f", "-a")
    call("gc")


@pytest.fixture
def web(quiltctl: Callable[..., Done], rootfs_tar: Path) -> str:
    """Give the id of a container named web that runs."""
    started = quiltctl("run", "-d", "--network", "none", "--name", "web", str(rootfs_tar), "sleep", "1000")
    assert (started.returncode, started.stderr) == (0, "")
    return started.stdout.strip()


def test_info_tells_what_is_there(quiltctl: Callable[..., Done], quilt_root: Paths, web: str) -> None:
    """The document counts containers and images as they are, and names the kernel as the host does."""
    assert web
    document = json.loads(quiltctl("info", "--json").stdout)
    assert sorted(document) == ["host", "store", "version"]
    assert document["host"]["kernel"] == os.uname().release
    counted = {"number": 1, "paused": 0, "running": 1, "stopped": 0}
    assert (document["store"]["containerStore"], document["store"]["imageStore"]) == (counted, {"number": 1})
    assert document["store"]["graphRoot"] == quilt_root.root


def test_info_for_people_has_the_lines_of_the_document(quiltctl: Callable[..., Done]) -> None:
    """Without --json the same facts come as indented lines, and a template reads them by podman's names too."""
    lines = quiltctl("info").stdout.splitlines()
    assert lines[0] == "host:"
    assert "    running: 0" in lines
    assert quiltctl("info", "--format", "{{.Host.Os}} {{.store.graphDriverName}}").stdout == "linux overlay\n"


def test_info_where_nothing_is_makes_nothing(quiltctl: Callable[..., Done], quilt_root: Paths) -> None:
    """Asking an empty root is no error and does not make it."""
    assert quiltctl("info").returncode == 0
    assert not os.path.exists(quilt_root.root)


def test_system_check_ends_with_0_where_containers_run(quiltctl: Callable[..., Done]) -> None:
    """Here everything that is required is there, in the table and in the JSON alike."""
    table, document = quiltctl("system", "check"), quiltctl("system", "check", "--json")
    rows = json.loads(document.stdout)
    assert (table.returncode, document.returncode) == (0, 0)
    assert [line.split("  ")[0] for line in table.stdout.splitlines()[1:]] == [row["Name"] for row in rows]
    assert {row["State"] for row in rows if row["Required"]} == {"ok"}


def test_system_check_ends_with_125_where_they_cannot(quiltctl: Callable[..., Done]) -> None:
    """A root that cannot hold containers is named, with the way out."""
    checked = quiltctl("--root", "/proc/quilt", "system", "check", "--json")
    missing = [row for row in json.loads(checked.stdout) if row["State"] == "missing"]
    assert checked.returncode == 125
    assert "store" in [row["Name"] for row in missing]
    assert all(row["Hint"] for row in missing)


def test_system_sql_shows_a_table_or_json(quiltctl: Callable[..., Done], web: str) -> None:
    """A question in SQL is answered in columns, and with --json as objects."""
    sql = "select name, state, exit_code from container_overview"
    assert quiltctl("system", "sql", sql).stdout.split() == ["name", "state", "exit_code", "web", "running"]
    answered = json.loads(quiltctl("system", "sql", "--json", f"{sql} where id = '{web}'").stdout)
    assert answered == [{"name": "web", "state": "running", "exit_code": None}]


def test_system_sql_refuses_in_one_line_and_as_json(quiltctl: Callable[..., Done]) -> None:
    """A wrong question is an error with a hint; with --json the error is JSON."""
    refused = quiltctl("system", "sql", "delete from meta")
    assert (refused.returncode, refused.stdout) == (125, "")
    assert (
        refused.stderr
        == "Error: the query may only read: not authorized\nhint: change things with quiltctl's own verbs\n"
    )
    as_json = quiltctl("system", "sql", "--json", "select")
    assert json.loads(as_json.stderr)["error"]["code"] == "usage"


def test_system_backup_prints_what_it_wrote(quiltctl: Callable[..., Done], web: str, tmp_path: Path) -> None:
    """The copy of a root in use stands under the name that is printed; a second one needs --force."""
    assert web
    target = str(tmp_path / "copy.db")
    codes = [quiltctl("system", "backup", *words, target).returncode for words in ((), (), ("--force",))]
    assert codes == [0, 125, 0]
    assert os.listdir(tmp_path) == ["copy.db"]


def test_monitor_ls_asks_the_kernel(quiltctl: Callable[..., Done], web: str) -> None:
    """A shim is listed with its pid while its container runs; -a lists it afterwards."""
    (monitor,) = json.loads(quiltctl("monitor", "ls", "--json").stdout)
    assert (monitor["Container"], monitor["State"], monitor["Alive"]) == (web, "monitoring", True)
    assert os.path.exists(f"/proc/{monitor['Pid']}")
    quiltctl("kill", "web")
    quiltctl("wait", "web")
    assert json.loads(quiltctl("monitor", "ls", "--json").stdout) == []
    (ended,) = json.loads(quiltctl("monitor", "ls", "-a", "--json").stdout)
    assert (ended["State"], ended["Alive"], ended["EndedBy"] is None) == ("completed", False, False)


def test_monitor_ls_tells_of_a_killed_shim(quiltctl: Callable[..., Done], web: str) -> None:
    """A shim that was killed is recorded as monitoring and shown as dead until somebody mends it."""
    assert web
    (monitor,) = json.loads(quiltctl("monitor", "ls", "--json").stdout)
    os.kill(monitor["Pid"], 9)
    shown = quiltctl("monitor", "ls", "--format", "{{.State}} {{.Alive}}").stdout
    assert shown == "monitoring false\n"


def test_cleanup_ls_shows_what_is_open(quiltctl: Callable[..., Done], quilt_root: Paths, web: str) -> None:
    """What a living container uses is not listed; -a lists it; what nobody uses is."""
    assert quiltctl("cleanup", "ls", "--json").stdout.strip() == "[]"
    listed = json.loads(quiltctl("cleanup", "ls", "-a", "--json").stdout)
    assert {task["Container"] for task in listed} == {web}
    with transaction(connection := open_to_write(quilt_root)):
        cleanup.plan(connection, "f" * 64, "cgroup", "quilt/nothing")
    connection.close()
    (task,) = json.loads(quiltctl("cleanup", "ls", "--json").stdout)
    assert (task["Container"], task["Type"], task["State"], task["Attempts"]) == ("f" * 64, "cgroup", "pending", 0)


def test_rename_gives_the_name_and_frees_the_old(quiltctl: Callable[..., Done], web: str) -> None:
    """A running container takes another name, and is found by it and by its id."""
    renamed = quiltctl("rename", web[:12], "other")
    assert (renamed.returncode, renamed.stdout, renamed.stderr) == (0, "", "")
    assert quiltctl("ps", "--format", "{{.Names}}").stdout == "other\n"
    assert quiltctl("inspect", "web").returncode == 125


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("web", "a b"), "'a b' cannot be the name of a container"),
        (("nobody", "fine"), 'no such container: "nobody"'),
    ],
)
def test_rename_says_what_it_cannot(
    quiltctl: Callable[..., Done], web: str, words: tuple[str, ...], sentence: str
) -> None:
    """A bad name and a container that is not there are refused, and nothing is renamed."""
    assert web
    refused = quiltctl("rename", *words)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (125, f"Error: {sentence}")
    assert quiltctl("ps", "--format", "{{.Names}}").stdout == "web\n"
