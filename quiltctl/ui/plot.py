"""A curve in text: blocks over two axes, as wide as it is told to be."""

from __future__ import annotations

import math
import time

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " ....####"
"""For what cannot write blocks: less than half of a character, and more."""
_LEAST_WIDTH = 25
"""Two moments side by side below it."""
_HOUR_NS = 3600 * 1_000_000_000
_DAY_NS = 24 * _HOUR_NS
_ROOM_FOR_THREE = 3


class Span(Value):
    """A value that held from one moment to another, both in nanoseconds since 1970."""

    since: int
    until: int
    value: float


def can_show_blocks(encoding: str | None) -> bool:
    """Return whether blocks can be written in this encoding."""
    try:
        _BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plot(
    spans: Iterable[Span],
    since: int,
    until: int,
    *,
    columns: int,
    rows: int,
    label: Callable[[float], str],
    blocks: bool = True,
) -> list[str]:
    """Return the lines of a curve between two moments: in each place the highest value that held there.

    The scale begins at 0. Where nothing is known there is nothing, and what is known is always to be seen.
    """
    spans = [span for span in spans if span.until >= since and span.since <= until]
    top = _round_up(max((span.value for span in spans), default=0.0))
    labels = [label(top * row / rows) if row in {rows, rows // 2, 0} else "" for row in range(rows, -1, -1)]
    margin = max(map(len, labels))
    width = max(columns - margin - 2, _LEAST_WIDTH)
    heights = _heights(_places(spans, since, until, width), top, rows)
    signs = _BLOCKS if blocks else _PLAIN
    lines = []
    for row in range(rows, 0, -1):
        drawn = "".join(signs[min(max(height - 8 * (row - 1), 0), 8)] for height in heights)
        lines.append(f"{labels[rows - row]:>{margin}} |{drawn}".rstrip())
    return [
        *lines,
        f"{labels[rows]:>{margin}} +{'-' * width}",
        f"{'':{margin}}  {_moments(since, until, width)}".rstrip(),
    ]


def _places(spans: Iterable[Span], since: int, until: int, width: int) -> list[float | None]:
    """Return the highest value in each place, None where there is none."""
    found: list[float | None] = [None] * width
    for span in spans:
        first, last = (
            min(max((moment - since) * width // max(until - since, 1), 0), width - 1)
            for moment in (span.since, span.until)
        )
        for place in range(first, last + 1):
            before = found[place]
            found[place] = span.value if before is None else max(before, span.value)
    return found


def _heights(values: Iterable[float | None], top: float, rows: int) -> list[int]:
    """Return how high each place is, in eighths of a row; 0 is what is not known."""
    return [0 if value is None else max(min(round(value / top * rows * 8), rows * 8), 1) for value in values]


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50, ..., at least 1."""
    if value <= 1:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(factor * unit for factor in (1, 2, 5, 10) if value <= factor * unit)


def _moments(since: int, until: int, width: int) -> str:
    """Return the line below the axis: when it begins and ends, and the middle where there is room."""
    length = until - since
    form = "%H:%M:%S" if length < _HOUR_NS else "%H:%M" if length <= _DAY_NS else "%d %b %H:%M"
    first, middle, last = (
        time.strftime(form, time.localtime(moment / 1_000_000_000)) for moment in (since, (since + until) // 2, until)
    )
    if len(first) * _ROOM_FOR_THREE + 4 > width:
        middle = ""
    left = f"{first:<{max((width - len(middle)) // 2, len(first) + 1)}}{middle}"
    return f"{left}{last:>{max(width - len(left), 0)}}"
