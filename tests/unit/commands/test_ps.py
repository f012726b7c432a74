"""`ps`: the containers as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import container_views
from quiltctl.db.connection import open_to_read, open_to_write
from quiltctl.errors import UsageError
from quiltctl.ui.ago import local_time
from tests.attach import attach, port

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]


@pytest.fixture
def four(make: Make) -> list[str]:
    """Make four containers, the oldest first, of which two run."""
    return [
        make("web", "running", labels={"app": "shop"}, command=("nginx", "-g", "daemon off; error_log stderr")),
        make("old", "exited", facts={"exit_code": 137, "finished_at": time.time_ns() - 120 * 10**9}),
        make("new", "created", image="localhost/tiny:latest"),
        make("job", "running", facts={"started_at": time.time_ns() - 3 * 10**9}),
    ]


def lines(capsys: Capture) -> list[str]:
    """Return what was printed."""
    return capsys.readouterr().out.splitlines()


def cells(heading: str, line: str) -> list[str]:
    """Cut a line where the headings begin."""
    names = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
    places = [heading.index(name) for name in names]
    return [line[start:end].rstrip() for start, end in zip(places, [*places[1:], None], strict=True)]


def test_ps_shows_what_runs_in_podmans_columns(call: Call, capsys: Capture, make: Make) -> None:
    """A long command is cut, a port it has not is empty, and the columns stand below their headings."""
    started_at = time.time_ns() - 3 * 3600 * 10**9
    make("web", "running", command=("nginx", "-g", "daemon off; error_log stderr"), facts={"started_at": started_at})
    make("job", "running", image="localhost/tiny:latest", facts={"started_at": started_at})

    code = call("ps")

    heading, *shown = lines(capsys)
    table = [cells(heading, line) for line in shown]
    assert code == 0
    assert all(row.pop(3).endswith(" ago") for row in table)
    assert table == [
        ["100000000000", "debian", "nginx -g daemon o...", "Up 3 hours", "", "web"],
        ["200000000000", "localhost/tiny:latest", "sleep 9", "Up 3 hours", "", "job"],
    ]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["web", "job"]),
        (("-a",), ["web", "old", "new", "job"]),
        (("-n", "2"), ["new", "job"]),
        (("-n", "0"), []),
        (("-n", "-1"), ["web", "job"]),
        (("--last", "9"), ["web", "old", "new", "job"]),
        (("-l",), ["job"]),
        (("-l", "-f", "label=app"), ["web"]),
        (("-a", "--sort", "names"), ["job", "new", "old", "web"]),
        (("-a", "--sort", "status"), ["new", "old", "web", "job"]),
        (("-a", "--sort", "image"), ["web", "old", "job", "new"]),
        (("-a", "--sort", "command"), ["web", "old", "new", "job"]),
        (("-a", "--sort", "runningfor"), ["new", "web", "old", "job"]),
        (("-a", "--sort", "id"), ["web", "old", "new", "job"]),
        (("-a", "--sort", "size"), ["web", "old", "new", "job"]),
        (("-a", "--external"), ["web", "old", "new", "job"]),
        (("-f", "status=exited"), ["old"]),
    ],
)
def test_ps_lists_those_that_are_asked_for(
    call: Call, capsys: Capture, words: tuple[str, ...], names: list[str]
) -> None:
    """Flags choose the containers and their order."""
    call("ps", *words, "--format", "{{.Names}}")

    assert lines(capsys) == names


@pytest.mark.parametrize(
    ("words", "length"), [(("-q",), 12), (("-q", "--no-trunc"), 64), (("-aq", "--noheading"), 12), (("-q", "-s"), 12)]
)
def test_ps_quiet_is_ids_only(
    call: Call, capsys: Capture, four: list[str], words: tuple[str, ...], length: int
) -> None:
    """One id a line, long on demand."""
    call("ps", *words)

    ids = four if "-aq" in words else [four[0], four[3]]
    assert lines(capsys) == [container_id[:length] for container_id in ids]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("{{.ID}} {{.Image}} {{.State}}", "200000000000 debian exited"),
        ("{{.Status}}|{{.ExitCode}}|{{.Pid}}", "Exited (137) 2 minutes ago|137|0"),
        ("{{.Command}} {{.Exited}} {{.AutoRemove}} {{.ExitReason}}", "sleep 9 true false exited"),
        ("{{.Labels}}{{.Ports}}{{.Mounts}}{{.Networks}}{{.ImageID}}", "map[]"),
        ("{{.StartedAt}}", "1700000000"),
        ('{{.Label "x"}}{{len .Labels}}', "0"),
        ("{{.Size}}", "0B (virtual 0B)"),
    ],
)
def test_ps_has_the_fields_of_podman(call: Call, capsys: Capture, format: str, line: str) -> None:
    """Templates find what they find in podman."""
    call("ps", "-a", "--filter", "name=old", "--format", format)

    assert lines(capsys) == [line]


def test_ps_tells_labels_times_and_networks(call: Call, capsys: Capture, quilt_root: Paths, make: Make) -> None:
    """Labels are found by key, times are local, and networks have their names."""
    attach(quilt_root, open_to_write(quilt_root), make("web", labels={"app": "shop", "b": "c"}), "blue")
    created_at = container_views.listed(open_to_read(quilt_root))[0].created_at

    call(
        "ps",
        "-a",
        "--format",
        '{{.Label "app"}} {{.Labels}} {{.Labels.b}} {{.Networks}} {{.CreatedAt}} {{.RunningFor}}',
    )

    assert lines(capsys) == [f"shop map[app:shop b:c] c blue {local_time(created_at)} Less than a second ago"]


def test_ps_tells_the_ports_that_lead_in(call: Call, capsys: Capture, quilt_root: Paths, make: Make) -> None:
    """As podman writes them, ranges as one; what has ended has none, though its lease may wait for gc."""
    connection = open_to_write(quilt_root)
    ports = [port(8081, 81), port(53, 53, "udp", "127.0.0.1"), port(8080, 80), port(8443, 443, "tcp", "::1")]
    attach(quilt_root, connection, make("web", "running"), "blue", ports=ports)
    attach(quilt_root, connection, make("bare", "running"), "blue")
    attach(quilt_root, connection, make("lost", "running", lost=True), "blue", ports=[port(9000, 90)])

    call("ps", "-a", "--format", "{{.Names}} {{.Ports}} {{.Networks}}")
    call("ps", "-a", "--json")

    web, bare, lost, *document = lines(capsys)
    assert web == ("web 127.0.0.1:53->53/udp, 0.0.0.0:8080-8081->80-81/tcp, [::1]:8443->443/tcp blue")
    assert (bare, lost) == ("bare  blue", "lost  blue")
    assert [one["Ports"] for one in json.loads("\n".join(document))] == [
        [
            {**port(53, 53, "udp", "127.0.0.1"), "range": 1},
            {**port(8080, 80), "range": 2},
            {**port(8443, 443, "tcp", "::1"), "range": 1},
        ],
        [],
        [],
    ]


@pytest.mark.usefixtures("four")
def test_ps_json_is_the_documented_shape(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """The whole object, under podman's keys."""
    row = container_views.listed(open_to_read(quilt_root))[1]

    call("ps", "--filter", "name=old", "--filter", "status=exited", "--json")

    assert row.finished_at is not None
    expected: list[dict[str, Any]] = [
        {
            "AutoRemove": False,
            "Command": ["sleep", "9"],
            "CreatedAt": local_time(row.created_at),
            "Exited": True,
            "ExitedAt": row.finished_at // 10**9,
            "ExitCode": 137,
            "ExitReason": "exited",
            "Error": "",
            "Id": "2".ljust(64, "0"),
            "Image": "debian",
            "ImageID": "",
            "Labels": {},
            "Mounts": [],
            "Names": ["old"],
            "Networks": [],
            "Pid": 0,
            "Ports": [],
            "Size": None,
            "StartedAt": 1_700_000_000,
            "Starts": 1,
            "State": "exited",
            "Status": "Exited (137) 2 minutes ago",
            "Created": row.created_at // 10**9,
        }
    ]
    assert capsys.readouterr().out == json.dumps(expected, indent=2) + "\n"


@pytest.mark.parametrize("words", [("--json",), ("--format", "json"), ("--format", "{{json .}}"), ("-q", "--json")])
def test_ps_json_of_nothing_is_an_empty_list(call: Call, capsys: Capture, words: tuple[str, ...]) -> None:
    """Without a database there are no containers, and none is made."""
    call("ps", *words)

    assert capsys.readouterr().out == "[]\n"


def test_ps_makes_no_database(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """Where nothing was ever made, a heading is shown and nothing written."""
    call("ps")

    assert lines(capsys) == ["CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES"]
    assert not os.path.exists(quilt_root.root)


def test_ps_never_shows_a_dead_shim_as_running(call: Call, capsys: Capture, make: Make) -> None:
    """A row that says running is not believed: its shim is asked for, and the code that nobody has is -1."""
    make("lost", "running", lost=True)
    make("late", "starting", lost=True)

    call("ps", "--format", "{{.Names}}")
    call("ps", "-a", "--format", "{{.Names}} {{.State}} {{.Status}} {{.ExitCode}} {{.ExitReason}} {{.Pid}}")

    assert lines(capsys) == [
        "lost exited Exited (-1) -1 supervisor-lost 0",
        "late error Failed to start 0 start-failed 0",
    ]


def test_ps_size_is_what_was_written(call: Call, capsys: Capture, quilt_root: Paths, make: Make) -> None:
    """The folder of the container's own files is measured; in JSON the bytes are two numbers."""
    upper = f"{quilt_root.container(make('web', 'running'))}/upper"
    os.makedirs(upper)
    with open(f"{upper}/big", "wb") as file:
        file.write(b"x" * 100_000)

    call("ps", "-s")
    call("ps", "-s", "--json")

    heading, row, *document = lines(capsys)
    size = json.loads("\n".join(document))[0]["Size"]
    assert heading.endswith("NAMES       SIZE")
    assert row.endswith("kB)")
    assert 100_000 < size["rwSize"] == size["rootFsSize"] < 150_000


def test_ps_shows_no_escape_sequence_in_a_table(call: Call, capsys: Capture, make: Make) -> None:
    """What a container was told to run is shown, not obeyed, also in a pipe: it would break the columns."""
    make("evil", "running", command=("\x1b[2J", "a\nb"))

    call("ps")

    assert "\\x1b[2J a\\nb" in capsys.readouterr().out


def test_ps_refuses_last_with_latest(call: Call) -> None:
    """The two exclude each other, as in podman."""
    with pytest.raises(UsageError, match="--last and --latest exclude each other"):
        call("ps", "-l", "-n", "2")


def test_ps_writes_nothing(call: Call, quilt_root: Paths, make: Make) -> None:
    """Neither the database nor its log changes, also where the rows are known to be wrong."""
    make("lost", "running", lost=True)

    def content() -> list[bytes]:
        files = [quilt_root.database, f"{quilt_root.database}-wal"]
        return [Path(file).read_bytes() for file in files]

    before = content()
    call("ps", "-a", "-s")

    assert content() == before


def test_ps_loads_no_module_that_costs(quilt_root: Paths, make: Make) -> None:
    """A plain listing into a pipe stays clear of the modules that cost more than it may."""
    make("web", "running")
    program = (
        "import sys; from quiltctl.paths import Paths; from quiltctl.cli import fast; from quiltctl.commands import ps;"
        "values = fast.read(ps.VERB, ()); values.pop('root', None); values.pop('log_level', None);"
        "ps.command(Paths(sys.argv[1]), **{k: v for k, v in values.items() if k not in ('version', 'help')});"
        "print(sorted({'typing', 're', 'enum', 'dataclasses', 'pathlib', 'json', 'inspect', 'subprocess', 'typer',"
        "'rich', 'shutil', 'logging', 'signal', 'socket', 'ctypes'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program, quilt_root.root], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
