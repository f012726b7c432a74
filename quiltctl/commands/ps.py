"""`quiltctl ps`: the containers, as they are now. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._filters import select_containers
from quiltctl.commands._parameters import FILTER, FORMAT, JSON, NO_HEADING, NO_TRUNC, QUIET
from quiltctl.commands._ps_fields import FIELDS, Listing, Row, document
from quiltctl.db.connection import open_to_read, translated
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Flag, Option, Refused, Verb
from quiltctl.ui.fields import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_SORTS: dict[str, Callable[[Row], Any]] = {
    "command": lambda row: row.argv,
    "created": lambda row: row.container.created_at,
    "id": lambda row: row.container.id,
    "image": lambda row: row.container.image_name,
    "names": lambda row: row.container.name,
    "runningfor": lambda row: row.container.started_at or 0,
    "size": lambda row: row.sizes(),
    "status": lambda row: row.container.state,
}
VERB = Verb(
    summary="List containers.",
    description="Those that run; -a lists all. Whether a container runs is asked of the kernel, not of the database."
    " Filters: id, name, label, label!, status, exited, ancestor, before, since, until, volume, network, health,"
    " command. Filters of one key are alternatives, different keys must all hold.",
    parameters=(
        Flag(("--all", "-a"), "Also those that do not run."),
        QUIET,
        Option(("--last", "-n"), "The containers created last, so many, in any state.", kind=int, metavar="N"),
        Flag(("--latest", "-l"), "The container created last, in any state."),
        Flag(("--size", "-s"), "Also how much the containers wrote to disk."),
        FILTER,
        FORMAT,
        JSON,
        NO_TRUNC,
        NO_HEADING,
        Option(("--sort",), "The order.", choices=tuple(_SORTS), default="created", metavar="KEY"),
        Flag(("--external",), "Changes nothing: there are no containers but those of quiltctl."),
        Refused(("--watch", "-w"), "write: watch quiltctl ps"),
        Refused(("--pod", "-p"), "quiltctl has no pods", takes_value=False),
        Refused(("--ns",), "see .State.Pid in `quiltctl inspect`, and lsns(8)", takes_value=False),
    ),
    examples=(
        ("quiltctl ps -a", "also the ended ones"),
        ("quiltctl ps -aq --filter status=exited --filter label=ci", "ids, for scripts"),
        ("quiltctl ps --format '{{.Names}}\\t{{.Status}}'", "only these columns"),
    ),
)
HEADINGS = (
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
)


def command(
    paths: Paths,
    *,
    all: bool,
    quiet: bool,
    last: int | None,
    latest: bool,
    size: bool,
    filter: list[str],
    format: str | None,
    json: bool,
    no_trunc: bool,
    noheading: bool,
    sort: str,
    external: bool,  # noqa: ARG001 (there are none)
) -> int:
    """Print one row per container."""
    from quiltctl.ui import safe, show

    newest = _how_many(last, latest=latest)
    connection = open_to_read(paths)
    with translated(paths.database):
        found = select_containers(connection, paths, filter, all=all or newest is not None)
        listing = Listing(connection, paths, whole=no_trunc)
        rows = _sorted([Row(container, listing) for container in _newest(found, newest)], sort)
        if json or show.asks_json(format):
            show.show_json([document(row, size=size) for row in rows], indent=2)
        elif quiet and format is None:
            safe.write("".join(f"{FIELDS['ID'](row)}\n" for row in rows))
        else:
            headings = (*HEADINGS, ("SIZE", "Size")) if size else HEADINGS
            shown = [Fields(FIELDS, row) for row in rows]
            show.show_rows(shown, headings=headings, format=format, noheading=noheading)
    return 0


def _how_many(last: int | None, *, latest: bool) -> int | None:
    """Return how many of the newest are asked for, or None for all; podman takes a negative number for all."""
    wanted = None if last is None or last < 0 else last
    if latest and wanted is not None:
        raise UsageError("--last and --latest exclude each other", hint="--latest is --last 1")
    return 1 if latest else wanted


def _newest(oldest_first: list[Container], count: int | None) -> list[Container]:
    return oldest_first if count is None else oldest_first[max(0, len(oldest_first) - count) :]


def _sorted(rows: list[Row], key: str) -> list[Row]:
    # They come in the order of creation.
    return rows if key == "created" else sorted(rows, key=_SORTS[key])
