"""`quiltctl cleanup ls`: what should be gone and is not yet."""

from __future__ import annotations

from quiltctl.commands._parameters import FORMAT, JSON, NO_HEADING, NO_TRUNC
from quiltctl.db import cleanup
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="List the cleanup tasks that are not done yet.",
    description="Cgroups, folders and other resources that outlive a process have a task each, written before they are"
    " made. What a running container uses is not listed; -a lists everything.",
    parameters=(
        Flag(("--all", "-a"), "Also completed tasks and those of living containers."),
        NO_TRUNC,
        NO_HEADING,
        FORMAT,
        JSON,
    ),
    examples=(("quiltctl cleanup ls", "what `quiltctl gc` or `quiltctl cleanup retry` will remove"),),
)
HEADINGS = (
    ("ID", "Id"),
    ("CONTAINER", "Container"),
    ("TYPE", "Type"),
    ("RESOURCE", "Resource"),
    ("STATE", "State"),
    ("ATTEMPTS", "Attempts"),
    ("LAST ERROR", "LastError"),
)


def command(paths: Paths, *, all: bool, no_trunc: bool, noheading: bool, format: str | None, json: bool) -> int:
    """Print one row per task, the oldest first."""
    from quiltctl.ui.show import show_rows

    connection = open_to_read(paths)
    with translated(paths.database):
        tasks = cleanup.all_tasks(connection) if all else cleanup.open_tasks(connection)
    rows = [_describe(task) for task in tasks]
    if not json and format in {None, "table"}:
        rows = [_for_people(row, whole=no_trunc) for row in rows]
    show_rows(rows, headings=HEADINGS, format=format, as_json=json, noheading=noheading)
    return 0


def _describe(task: cleanup.Task) -> dict[str, Any]:
    from quiltctl.ui.ago import timestamp

    return {
        "Id": task.id,
        "Container": task.container_id,
        "Type": task.type,
        "Resource": task.resource,
        "State": task.state,
        "Attempts": task.attempts,
        "LastError": task.last_error,
        "Created": timestamp(task.created_at),
        "Changed": timestamp(task.changed_at),
    }


def _for_people(row: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    return {
        **row,
        "Container": row["Container"] if whole else row["Container"][:12],
        "LastError": row["LastError"] or "",
    }
