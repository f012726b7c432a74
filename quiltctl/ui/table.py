"""Columns of text, as podman prints them, the same on a terminal and in a pipe."""

from __future__ import annotations

from quiltctl.ui.safe import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# podman's tabwriter: cells of at least 12 characters, 2 of them blank.
_NARROWEST = 12
_GAP = 2


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as lines; a cell's unprintable characters are made visible, the last is not padded."""
    cells = [_printable_row(row) for row in rows]
    columns = max(map(len, cells), default=0)
    widths = [
        max(_NARROWEST, _GAP + max(len(row[column]) for row in cells if column < len(row)))
        for column in range(columns - 1)
    ]
    layouts = ["\n", *("".join(f"%-{width}s" for width in widths[:padded]) + "%s\n" for padded in range(columns))]
    return "".join([layouts[len(row)] % row for row in cells])


def _printable_row(row: Sequence[str]) -> tuple[str, ...]:
    # One look at a row instead of one at each cell: hundreds of rows are printable from end to end.
    return tuple(row) if "".join(row).isprintable() else tuple(map(printable, row))
