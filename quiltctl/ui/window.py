"""A table in a window: as many columns and rows as fit, and a word on those that do not."""

from __future__ import annotations

from quiltctl.ui.safe import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2
_CUT = "..."
_LEAST_FREE = 12
"""The name of a container is cut, where it must be, but never to less than this."""


class Columns:
    """The columns of a table that is shown again and again. They never get narrower, so that nothing jumps about."""

    def __init__(self, headings: Sequence[str], ranks: Sequence[int], free: int) -> None:
        """``ranks`` say which column goes first where there is no room: the greatest. ``free`` is cut before that."""
        self._headings = tuple(headings)
        self._ranks = tuple(ranks)
        self._free = free
        self._widths = [len(heading) for heading in headings]

    def lines(self, rows: Sequence[Sequence[str]], columns: int) -> list[str]:
        """Return the headings and the rows, none longer than this."""
        cells = [[printable(cell) for cell in row] for row in rows]
        for row in cells:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        widths = list(self._widths)
        widths[self._free] = min(widths[self._free], max(_LEAST_FREE, columns // 4))
        shown = self._fitting(widths, columns)
        return [
            (" " * _GAP)
            .join(f"{cut(row[place], widths[place]):<{widths[place]}}" for place in shown)
            .rstrip()[:columns]
            for row in (self._headings, *cells)
        ]

    def _fitting(self, widths: Sequence[int], columns: int) -> list[int]:
        """Return which columns are shown, by place; at least one."""
        shown = sorted(range(len(widths)), key=self._ranks.__getitem__)
        while len(shown) > 1 and sum(widths[place] + _GAP for place in shown) - _GAP > columns:
            shown.pop()
        return sorted(shown)


def cut(text: str, width: int) -> str:
    """Return the text, or as much of its beginning as fits before three dots."""
    return text if len(text) <= width else f"{text[: max(width - len(_CUT), 0)]}{_CUT}"[:width]


def room_for(rows: int, lines: int) -> int:
    """Return how many rows are shown below a heading, where what is left out is told in a line of its own."""
    return rows if rows < lines else max(lines - 2, 0)
