"""`stats --history`: what containers used, from the samples that `gc` has recorded."""

from __future__ import annotations

import os
import sys
import time

from quiltctl.commands._stats_fields import per_cent
from quiltctl.db import samples
from quiltctl.db.connection import translated
from quiltctl.errors import UsageError
from quiltctl.model.figures import share
from quiltctl.model.times import parse_duration
from quiltctl.model.value import Value
from quiltctl.ui import show as ui
from quiltctl.ui.ago import timestamp
from quiltctl.ui.plot import Span, can_show_blocks, plot
from quiltctl.ui.safe import write
from quiltctl.ui.size import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.commands._stats_source import Source
    from quiltctl.db.containers import Container
    from quiltctl.db.samples import Sample

_ROWS = 6
_USUAL_WIDTH = 80
_LEAST_WIDTH, _GREATEST_WIDTH = 10, 999
_SHORT_ID = 12
HINT = "quiltctl gc records them: run it from cron or a timer, every few minutes"


class Point(Value):
    """A sample, with the moment since which what it counts was counted, and how much of a processor that is."""

    sample: Sample
    since: int
    cpu: float | None


def show(source: Source, duration: str, *, format: str | None, whole: bool) -> None:
    """Draw what each container used in the time up to now; with a format, write its samples.

    Raises:
        UsageError: the duration is none.
    """
    length_ns = parse_duration(duration)
    if length_ns <= 0:
        raise UsageError(f'cannot look back by "{duration}"', hint="write how long, such as 1h or 2d")
    until = time.time_ns()
    since = until - length_ns
    with translated(source.paths.database):
        found = [(usage.container, _points(source, usage.container, since)) for usage in source.read()]
    if format is None:
        _draw(found, duration, since, until)
        return
    rows = [
        _document(container, point, whole=whole or ui.asks_json(format))
        for container, points in found
        for point in points
    ]
    ui.show_rows(rows, headings=HEADINGS, format=format)


HEADINGS = (
    ("ID", "ContainerID"),
    ("NAME", "Name"),
    ("TIME", "Time"),
    ("CPU", "CPU"),
    ("MEM USAGE", "MemUsage"),
    ("PIDS", "PIDs"),
)


def _points(source: Source, container: Container, since: int) -> list[Point]:
    """Return the samples from a moment on, each with what it says of the time since the one before, or the start."""
    points: list[Point] = []
    before: Sample | None = None
    for sample in samples.of_container(source.connection, container.id, since):
        if before is not None and before.generation == sample.generation:
            begun, used_before_ns = before.at, before.cpu_ns
        elif sample.generation == container.generation and container.started_at is not None:
            begun, used_before_ns = container.started_at, 0
        else:
            begun, used_before_ns = sample.at, None
        before = sample
        if sample.at < since:
            continue
        known = sample.cpu_ns is not None and used_before_ns is not None and begun < sample.at
        used_ns = max((sample.cpu_ns or 0) - (used_before_ns or 0), 0) if known else None
        points.append(Point(sample, min(begun, sample.at), share(used_ns, sample.at - begun)))
    return points


def _document(container: Container, point: Point, *, whole: bool) -> dict[str, Any]:
    """Return a sample as ``stats --history --json`` shows it."""
    sample = point.sample
    memory = share(sample.memory_bytes, sample.memory_limit_bytes)
    return {
        "ContainerID": container.id if whole else container.id[:_SHORT_ID],
        "Name": container.name,
        "Starts": sample.generation,
        "Time": timestamp(sample.at),
        "CPU": None if point.cpu is None else round(point.cpu, 4),
        "CPUNano": sample.cpu_ns,
        "MemUsage": sample.memory_bytes,
        "MemLimit": sample.memory_limit_bytes,
        "MemPerc": None if memory is None else round(memory, 4),
        "NetInput": sample.received_bytes,
        "NetOutput": sample.sent_bytes,
        "BlockInput": sample.read_bytes,
        "BlockOutput": sample.written_bytes,
        "PIDs": sample.pids,
    }


def _draw(found: list[tuple[Container, list[Point]]], duration: str, since: int, until: int) -> None:
    """Draw two curves for each container; say of which nothing is recorded, and how it would be."""
    empty = [container.name for container, points in found if not points]
    pictures = [
        "\n".join(lines)
        for container, points in found
        if points
        for lines in (_cpu(container, points, since, until), _memory(container, points, since, until))
    ]
    write("".join(f"{picture}\n" for picture in ("\n\n".join(pictures),) if pictures))
    sys.stdout.flush()
    for name in empty:
        sys.stderr.write(f"no samples of {name} from the last {duration}\n")
    if not found:
        sys.stderr.write("no container runs\n")
    elif empty:
        sys.stderr.write(f"hint: {HINT}\n")


def _cpu(container: Container, points: list[Point], since: int, until: int) -> list[str]:
    spans = [Span(point.since, point.sample.at, point.cpu) for point in points if point.cpu is not None]
    if not spans:
        return [f"{container.name}: how much of the processors it used is not known"]
    highest, last = max(span.value for span in spans), spans[-1].value
    title = f"{container.name}: CPU of one processor, highest {per_cent(highest)}, last {per_cent(last)}"
    return [title, *_curve(spans, since, until, lambda value: f"{value:g}%")]


def _memory(container: Container, points: list[Point], since: int, until: int) -> list[str]:
    known = [point for point in points if point.sample.memory_bytes is not None]
    if not known:
        return [f"{container.name}: how much memory it used is not known"]
    spans = [Span(point.since, point.sample.at, float(point.sample.memory_bytes or 0)) for point in known]
    limit = known[-1].sample.memory_limit_bytes
    highest, last = (human_bytes(int(value)) for value in (max(span.value for span in spans), spans[-1].value))
    title = f"{container.name}: memory, highest {highest}, last {last}"
    title = title if limit is None else f"{title}, limit {human_bytes(limit)}"
    return [title, *_curve(spans, since, until, lambda value: human_bytes(int(value)))]


def _curve(spans: list[Span], since: int, until: int, label: Any) -> list[str]:
    blocks = can_show_blocks(sys.stdout.encoding)
    return plot(spans, since, until, columns=_width(), rows=_ROWS, label=label, blocks=blocks)


def _width() -> int:
    """Return how wide a picture may be: the window, or $COLUMNS, or 80."""
    if sys.stdout.isatty():
        from quiltctl.ui.live import size_of

        return size_of(sys.stdout.fileno()).columns
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and _LEAST_WIDTH <= int(given[:4]) <= _GREATEST_WIDTH else _USUAL_WIDTH
