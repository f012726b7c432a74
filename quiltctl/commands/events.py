"""`quiltctl events`: what happened and what happens, from the table that every transition writes to."""

from __future__ import annotations

import os
import sys
import time

from quiltctl.commands._event_filters import choose, read_filters
from quiltctl.commands._parameters import FILTER, JSON
from quiltctl.db import events
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.document import Keyed
from quiltctl.model.parameters import Flag, Option, Verb
from quiltctl.model.times import parse_moment
from quiltctl.ui.ago import local_time, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.db.events import Event
    from quiltctl.paths import Paths

_TIMES = "RFC 3339, a date, seconds since 1970, or 10m, 1h30m"
VERB = Verb(
    summary="Show what happened to containers, images and networks.",
    description="Without --since and --until, what happens from now on. Filters: container, image, event, type, label,"
    " network, volume; those of one key are alternatives, different keys must all hold. Labels are those that"
    " containers have now: one that is removed has none.",
    parameters=(
        Option(("--since",), f"From this time on: {_TIMES} ago.", metavar="TIME"),
        Option(("--until",), f"Up to this time: {_TIMES} from now.", metavar="TIME"),
        Flag(("--stream",), "Go on with what happens; --stream=false ends with the last event there is.", default=True),
        FILTER,
        Option(("--format",), "Print with a Go template, or `json`: one object per line.", metavar="FORMAT"),
        JSON,
        Flag(("--no-trunc",), "Show ids whole; --no-trunc=false cuts them.", default=True),
    ),
    examples=(
        ("quiltctl events --since 1h --stream=false", "the last hour"),
        ("quiltctl events --filter event=died --format '{{.Name}} {{.ContainerExitCode}}'", "tell each end"),
    ),
)
_SHORT_ID = 12
_DIED = "died"


def command(
    paths: Paths,
    *,
    since: str | None,
    until: str | None,
    stream: bool,
    filter: list[str],
    format: str | None,
    json: bool,
    no_trunc: bool,
) -> int:
    """Print one line per event."""
    now = time.time_ns()
    since_ns = None if since is None else parse_moment(since, now_ns=now)
    until_ns = None if until is None else parse_moment(until, now_ns=now, later=True)
    reader = _Reader(paths, read_filters(filter), since_ns, until_ns)
    reader.open(from_now=stream and since is None and until is None)
    line = _writer("json" if json else format, whole=no_trunc)
    if not stream or (until_ns is not None and until_ns <= now):
        _show(reader, line)
        return 0
    from quiltctl.runtime.changes import changes

    for _ in changes(paths, until_ns=until_ns, output_fd=sys.stdout.fileno()):
        _show(reader, line)
    return 0


class _Reader:
    """Reads on where it stopped."""

    def __init__(self, paths: Paths, filters: dict[str, list[str]], since_ns: int | None, until_ns: int | None) -> None:
        self._paths = paths
        self._filters = filters
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._seq = 0

    def open(self, *, from_now: bool) -> None:
        """Open the database, and begin with the first event that is asked for, or only with the next one."""
        # What is opened where there is no database stays empty, so once there is one, that is opened.
        self._is_there = os.path.exists(self._paths.database)
        self._connection = open_to_read(self._paths)
        with translated(self._paths.database):
            if from_now:
                self._seq = events.last_seq(self._connection)
            elif self._since_ns is not None:
                self._seq = events.seq_before(self._connection, self._since_ns)

    def read(self) -> list[Event]:
        """Return the next events, some of them if they are many; none when there are no more for now."""
        if not self._is_there:
            self.open(from_now=False)
        found: list[Event] = []
        with translated(self._paths.database):
            while not found and (new := events.after(self._connection, self._seq)):
                self._seq = new[-1].seq
                inside = [event for event in new if self._is_inside(event.at)]
                found = list(choose(self._connection, inside, self._filters))
        return found

    def _is_inside(self, at: int) -> bool:
        return (self._since_ns is None or at >= self._since_ns) and (self._until_ns is None or at <= self._until_ns)


def _show(reader: _Reader, line: Callable[[Event], str]) -> None:
    from quiltctl.ui.safe import write

    while found := reader.read():
        write("".join(map(line, found)))
        sys.stdout.flush()


def _writer(format: str | None, *, whole: bool) -> Callable[[Event], str]:
    from quiltctl.ui.show import asks_json, line_writer

    if format is None:
        return lambda event: f"{_text(event, whole=whole)}\n"
    write = line_writer(format)
    return lambda event: write(_document(event, for_json=asks_json(format), whole=whole))


def _text(event: Event, *, whole: bool) -> str:
    """Return the event as podman writes it, on one line whatever the names hold."""
    from quiltctl.ui.safe import printable

    attributes = event.attributes
    words = [local_time(event.at), event.kind, event.action, event.object_id if whole else event.object_id[:_SHORT_ID]]
    if event.kind == "container":
        known = {"image": attributes.get("image", ""), "name": event.name, **_told(event)}
        words.append(_list(known))
    elif event.kind == "network" and "container" in attributes:
        words.append(_list({"container": attributes["container"], "name": event.name}))
    elif event.kind == "network":
        words.append(_list({"name": event.name, "type": attributes.get("driver", "")}))
    elif event.name:
        words.append(event.name)
    return printable(" ".join(words))


def _list(facts: dict[str, Any]) -> str:
    from quiltctl.ui.show import cell

    return f"({', '.join(f'{key}={cell(value)}' for key, value in facts.items())})"


def _told(event: Event) -> dict[str, Any]:
    """Return what is worth telling beside image and name."""
    told = {key: value for key, value in event.attributes.items() if key not in ("image", "generation") and value}
    return {**told, "exitCode": _exit_code(event)} if event.action == _DIED else told


def _exit_code(event: Event) -> int | None:
    """Return the exit code a container died with, -1 where nobody knows it; what else happens has none."""
    code: int | None = event.attributes.get("exitCode")
    return -1 if code is None and event.action == _DIED else code


def _document(event: Event, *, for_json: bool, whole: bool) -> dict[str, Any]:
    """Return the event under podman's names; the time is RFC 3339 in JSON, and as in the text for templates."""
    from quiltctl.ui.show import cell

    known = {**event.attributes, **_told(event)}
    attributes = Keyed({key: cell(value) for key, value in known.items() if value is not None})
    document = {
        "ID": event.object_id if whole else event.object_id[:_SHORT_ID],
        "Image": event.attributes.get("image", ""),
        "Name": event.name,
        "Status": event.action,
        "Time": timestamp(event.at) if for_json else local_time(event.at),
        "TimeNano": event.at,
        "Type": event.kind,
        "Attributes": attributes,
        "ContainerExitCode": _exit_code(event),
    }
    # A template may ask for it at any event, as in podman; JSON has it where there is one.
    return {key: value for key, value in document.items() if value is not None} if for_json else document
