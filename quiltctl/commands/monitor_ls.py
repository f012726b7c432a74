"""`quiltctl monitor ls`: the shims, each of which stays beside one running container."""

from __future__ import annotations

from quiltctl.commands._parameters import FORMAT, JSON, NO_HEADING, NO_TRUNC
from quiltctl.db import monitors
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.parameters import Flag, Verb
from quiltctl.runtime import liveness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="List the shims, one for each container that runs.",
    description="ALIVE is asked of the kernel now; STATE is what was recorded. A shim that is dead and still recorded"
    " as monitoring was killed; the next `quiltctl gc` records it.",
    parameters=(Flag(("--all", "-a"), "Also the shims that have ended."), NO_TRUNC, NO_HEADING, FORMAT, JSON),
    examples=(
        ("quiltctl monitor ls", "the shims of running containers"),
        ("quiltctl monitor ls --format '{{.Pid}}'", "their pids, one per line"),
    ),
)
HEADINGS = (
    ("CONTAINER", "Container"),
    ("NAME", "Name"),
    ("PID", "Pid"),
    ("STARTED", "Started"),
    ("STATE", "State"),
    ("ALIVE", "Alive"),
)


def command(paths: Paths, *, all: bool, no_trunc: bool, noheading: bool, format: str | None, json: bool) -> int:
    """Print one row per shim, newest first."""
    from quiltctl.ui.show import show_rows

    connection = open_to_read(paths)
    with translated(paths.database):
        found = monitors.list_all(connection, ended=all)
    rows = [_describe(monitor) for monitor in found]
    if not json and format in {None, "table"}:
        rows = [_for_people(row, monitor, whole=no_trunc) for row, monitor in zip(rows, found, strict=True)]
    show_rows(rows, headings=HEADINGS, format=format, as_json=json, noheading=noheading)
    return 0


def _describe(monitor: monitors.Monitor) -> dict[str, Any]:
    from quiltctl.ui.ago import timestamp

    return {
        "Container": monitor.container_id,
        "Name": monitor.container_name,
        "Generation": monitor.generation,
        "Pid": monitor.pid,
        "Started": timestamp(monitor.started_at),
        "State": monitor.state,
        "Alive": liveness.alive(monitor.pid, monitor.pid_started, monitor.boot_id),
        "Ended": None if monitor.ended_at is None else timestamp(monitor.ended_at),
        "EndedBy": monitor.ended_by,
    }


def _for_people(row: dict[str, Any], monitor: monitors.Monitor, *, whole: bool) -> dict[str, Any]:
    from quiltctl.ui.ago import ago

    return {
        **row,
        "Container": monitor.container_id if whole else monitor.container_id[:12],
        "Started": ago(monitor.started_at),
        "Alive": "yes" if row["Alive"] else "no",
    }
