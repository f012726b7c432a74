"""`quiltctl logs`: what containers wrote."""

from __future__ import annotations

import sys
import time

from quiltctl import errors
from quiltctl.commands._parameters import CONTAINERS, LATEST
from quiltctl.commands._references import references_of
from quiltctl.db import configs
from quiltctl.db import containers as rows
from quiltctl.db.connection import open_to_read
from quiltctl.model.parameters import Flag, Option, Verb
from quiltctl.model.times import parse_moment
from quiltctl.runtime.logs import Reader, joined
from quiltctl.ui.log_lines import LogLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from quiltctl.db.containers import Container
    from quiltctl.model.log_record import Record
    from quiltctl.paths import Paths

    Show = Callable[[int, Record], None]

VERB = Verb(
    summary="Show what containers wrote.",
    description="What a container wrote to its standard output goes to standard output, the rest to standard error,"
    " byte for byte. Several containers are merged by time, each line behind the short id of its container.\n\n"
    "--json prints one object per line: time, stream (stdout, stderr; quiltctl where output is missing), message,"
    " partial (true where the program has not ended the line), and container where several are shown.\n\n"
    "A time is RFC 3339 (UTC where it has no zone), a date, seconds since 1970, or a duration such as 10m or 1h30m:"
    " so long ago; for --until with --follow, so long from now.",
    parameters=(
        Flag(("--follow", "-f"), "Go on with what comes, until the container ends."),
        Option(("--since",), "Only what was written at this time or after it.", metavar="TIME"),
        Option(("--until",), "Only what was written up to this time; with --follow, end then.", metavar="TIME"),
        Option(("--tail", "-n"), "Only the last so many lines of each container.", metavar="LINES|all"),
        Flag(("--timestamps", "-t"), "Put the time in front of each line."),
        Flag(("--names",), "Put the container's name in front of each line."),
        LATEST,
        Flag(("--json",), "Print one JSON object per line."),
        CONTAINERS,
    ),
    examples=(
        ("quiltctl logs web", "all there is"),
        ("quiltctl logs -f -n 10 web", "the last ten lines, and what comes"),
        ("quiltctl logs -t --since 10m web db", "the last ten minutes of two, by time"),
    ),
)


def command(
    paths: Paths,
    *,
    follow: bool,
    since: str | None,
    until: str | None,
    tail: str | None,
    timestamps: bool,
    names: bool,
    latest: bool,
    json: bool,
    containers: list[str],
) -> int:
    """Show the logs of the containers; nothing is shown where one of them is missing or has none."""
    now_ns = time.time_ns()
    since_ns = None if since is None else parse_moment(since, now_ns=now_ns)
    until_ns = None if until is None else parse_moment(until, now_ns=now_ns, later=follow)
    lines = _parse_tail(tail)
    connection = open_to_read(paths)
    references = references_of(connection, containers, latest=latest, verb="logs")
    chosen = [rows.find(connection, reference) for reference in references]
    for container in chosen:
        _check_driver(connection, container)
    # Before anything is read: who is alive now is followed, and has written it all once it is dead.
    shims = [_open_shim(connection, paths, container) if follow else None for container in chosen]
    readers = [Reader(f"{paths.container(c.id)}/log", since_ns=since_ns, until_ns=until_ns) for c in chosen]
    if lines is not None:
        for reader in readers:
            reader.skip_to_last(lines)
    out = LogLines(_prefixes(chosen, names=names), timestamps=timestamps)
    show = out.show_json if json else out.show
    if follow:
        _follow(list(zip(readers, shims, strict=True)), until_ns, out, show, whole=json)
    elif len(readers) > 1:
        _merge(readers, show)
    else:
        read = readers[0].read()
        _show_all(0, joined(read) if json else read, show)
    out.flush()
    return 0


def _parse_tail(tail: str | None) -> int | None:
    if tail is None or tail == "all":
        return None
    try:
        lines = int(tail)
    except ValueError as error:
        raise errors.UsageError(f'--tail takes a number of lines or all, not "{tail}"') from error
    return None if lines < 0 else lines


def _check_driver(connection: sqlite3.Connection, container: Container) -> None:
    from quiltctl.db.document import decode

    if decode(connection, configs.config_of(connection, container.id)).get("log_driver") == "none":
        raise errors.QuiltError(
            f"cannot read the logs of {container.name}: it was made with --log-driver none",
            hint="make it anew without that option",
        )


def _open_shim(connection: sqlite3.Connection, paths: Paths, container: Container) -> int | None:
    """Return a descriptor of the shim that still writes the log, or None: nobody does."""
    from quiltctl.runtime.lifecycle.observe import observe
    from quiltctl.runtime.linux.pidfd import open_verified

    now = observe(connection, paths, container)
    if now is None or now.state not in rows.LIVE or now.shim_pid is None or now.shim_started is None:
        return None
    return open_verified(now.shim_pid, now.shim_started)


def _prefixes(chosen: list[Container], *, names: bool) -> list[bytes]:
    if names:
        return [f"{container.name} ".encode() for container in chosen]
    return [f"{container.id[:12]} ".encode() if len(chosen) > 1 else b"" for container in chosen]


def _follow(
    followed: list[tuple[Reader, int | None]], until_ns: int | None, out: LogLines, show: Show, *, whole: bool
) -> None:
    from quiltctl.runtime.follow import follow

    output_fd = None if sys.stdout is None else sys.stdout.fileno()
    several = len(followed) > 1
    for index, read in follow(followed, until_ns=until_ns, output_fd=output_fd):
        _show_all(index, joined(read) if whole or several else read, show)
        out.flush()


def _merge(readers: list[Reader], show: Show) -> None:
    """Show whole lines of several logs by time: a line in pieces would fall among the others."""
    from heapq import merge

    def numbered(index: int, reader: Reader) -> Iterator[tuple[int, int, Record]]:
        return ((record.at_ns, index, record) for record in joined(reader.read()))

    # The key leaves the record out: records have no order. What has the same time keeps the order of its own log.
    by_time = merge(*(numbered(*item) for item in enumerate(readers)), key=lambda item: item[:2])
    for _, index, record in by_time:
        show(index, record)


def _show_all(index: int, records: Iterable[Record], show: Show) -> None:
    for record in records:
        show(index, record)
