"""`stats` once, again and again into a pipe, and live on a terminal."""

from __future__ import annotations

import sys
import time

from quiltctl.commands._stats_fields import FIELDS, HEADINGS, KNOWN, Row, document, per_cent, sort
from quiltctl.ui import show
from quiltctl.ui.fields import Fields
from quiltctl.ui.safe import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from quiltctl.commands._stats_source import Source
    from quiltctl.runtime.lifecycle.sample import Usage
    from quiltctl.ui.live import Picture

_RANKS = {"Name": 0, "CPUPerc": 1, "MemUsage": 2, "MemPerc": 3, "PIDS": 4, "NetIO": 5, "BlockIO": 6}
"""What a narrow window shows first."""


class View:
    """What is shown of the samples of a source."""

    def __init__(self, source: Source, format: str | None, key: str, *, whole: bool) -> None:
        self._source = source
        self._format = format
        self._is_table = format is None or format.strip() == "table"
        self._key = key
        self._whole = whole
        self._before: dict[str, Usage] = {}

    def show_once(self) -> None:
        """Write one sample."""
        rows = self._next()
        if show.asks_json(self._format):
            show.show_json([document(row) for row in rows], indent=2)
        else:
            write(self._text(rows))

    def watch(self, interval_s: float, *, in_place: bool) -> None:
        """Write one sample after the other; on a terminal that can do so, each in the place of the one before."""
        from quiltctl.ui import live

        output_fd = sys.stdout.fileno()
        if not in_place or show.asks_json(self._format) or not live.can_redraw(output_fd):
            write_next = self._line_writer()
            for _ in _ticks(interval_s, lambda left_s: _sleep(left_s, output_fd)):
                write_next(self._next())
                sys.stdout.flush()
                if self._source.is_over:
                    return
        with live.Screen(output_fd) as screen:
            picture_of = self._painter()
            for _ in _ticks(interval_s, screen.wait):
                rows = self._next()
                screen.draw(picture_of(rows))
                if self._source.is_over:
                    return

    def _next(self) -> list[Row]:
        read_at = time.time_ns()
        usages = self._source.read()
        rows = [
            Row(usage, self._before.get(usage.container.id), read_at=read_at, whole=self._whole) for usage in usages
        ]
        self._before = {usage.container.id: usage for usage in usages}
        return sort(rows, self._key)

    def _text(self, rows: Sequence[Row]) -> str:
        headings = HEADINGS if self._is_table else KNOWN
        return show.rows_text([Fields(FIELDS, row) for row in rows], headings=headings, format=self._format)

    def _line_writer(self) -> Callable[[Sequence[Row]], None]:
        """Return what writes a sample into a stream: as JSON, on a line of its own."""
        if not show.asks_json(self._format):
            return lambda rows: write(self._text(rows))
        line = show.line_writer("json")
        return lambda rows: write(line([document(row) for row in rows]))

    def _painter(self) -> Callable[[Sequence[Row]], Picture]:
        """Return what makes a picture of a sample."""
        from quiltctl.ui import colour
        from quiltctl.ui.window import Columns, cut, room_for

        keys = [key for _, key in HEADINGS]
        ranks = [_RANKS.get(key, len(keys) + place) for place, key in enumerate(keys)]
        table = Columns([heading for heading, _ in HEADINGS], ranks, keys.index("Name"))
        has_heading = self._is_table or str(self._format).startswith("table ")

        def lines_of(rows: Sequence[Row], columns: int) -> list[str]:
            if self._is_table:
                return table.lines([[FIELDS[key](row) for key in keys] for row in rows], columns)
            return [line[:columns] for line in self._text(rows).splitlines()]

        def picture(rows: Sequence[Row], columns: int, lines: int) -> list[str]:
            room = room_for(len(rows), lines)
            if room == len(rows):
                drawn = lines_of(rows, columns)
            else:
                busiest = sort(list(rows), "cpu" if self._key == "created" else self._key)
                drawn = [*lines_of(busiest[:room], columns)[: lines - 1], cut(_rest(rows, room), columns)]
            if has_heading and drawn and colour.wanted(sys.stdout):
                drawn[0] = f"\033[1m{drawn[0]}\033[0m"
            return drawn[:lines]

        return lambda rows: lambda columns, lines: picture(rows, columns, lines)


def _rest(rows: Sequence[Row], room: int) -> str:
    """Return how many rows are not shown, and what all of them use together."""
    from quiltctl.ui.size import human_bytes

    cpu = per_cent(sum(row.cpu or 0 for row in rows))
    memory = human_bytes(sum(row.now.figures.memory_bytes or 0 for row in rows))
    return f"{len(rows) - room} more not shown; all {len(rows)}: CPU {cpu}, memory {memory}"


def _ticks(interval_s: float, wait: Callable[[float], None]) -> Iterator[None]:
    """Yield at once and then at every interval; when looking took longer than that, at once again."""
    at = time.monotonic()
    while True:
        yield
        at = max(at + interval_s, time.monotonic())
        wait(at - time.monotonic())


def _sleep(seconds: float, output_fd: int) -> None:
    """Sleep so long.

    Raises:
        BrokenPipeError: nobody reads the output any more, which would else be noticed by the next write only.
    """
    from select import poll

    waiting = poll()
    waiting.register(output_fd, 0)
    if waiting.poll(max(int(seconds * 1000), 0)):
        raise BrokenPipeError
