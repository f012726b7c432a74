"""A table in a window: what fits, and what goes first."""

from __future__ import annotations

import pytest

from quiltctl.ui.window import Columns, cut, room_for

HEADINGS = ("ID", "NAME", "CPU %", "PIDS")
ROW = ("abcdefabcdef", "web", "12.00%", "7")
RANKS = (2, 0, 1, 3)


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """With two blanks between them, and none at the end of a line."""
    assert Columns(HEADINGS, RANKS, 1).lines([ROW, ("a", "longer", "0%", "10")], 80) == [
        "ID            NAME    CPU %   PIDS",
        "abcdefabcdef  web     12.00%  7",
        "a             longer  0%      10",
    ]


@pytest.mark.parametrize(
    ("columns", "heading"),
    [
        (32, "ID            NAME  CPU %   PIDS"),
        (31, "ID            NAME  CPU %"),
        (26, "ID            NAME  CPU %"),
        (25, "NAME  CPU %"),
        (11, "NAME"),
        (2, "NA"),
    ],
)
def test_columns_that_do_not_fit_are_left_out_by_rank(columns: int, heading: str) -> None:
    """The last of the ranks first; the first of them stays, cut off where not even it fits."""
    shown = Columns(HEADINGS, RANKS, 1).lines([ROW], columns)

    assert shown[0] == heading
    assert max(map(len, shown)) <= columns


def test_columns_never_get_narrower() -> None:
    """So that nothing jumps about while figures change."""
    table = Columns(("NAME", "CPU %"), (0, 1), 0)
    table.lines([("web", "100.00%")], 80)

    assert table.lines([("web", "1%")], 80)[1] == "web   1%"
    assert table.lines([("webserver", "1%")], 80) == ["NAME       CPU %", "webserver  1%"]
    assert table.lines([("web", "1%")], 80) == ["NAME       CPU %", "web        1%"]


def test_long_name_is_cut_before_other_columns_go() -> None:
    """A name may have 255 characters."""
    lines = Columns(HEADINGS, RANKS, 1).lines([("abc", "n" * 200, "1%", "1")], 60)

    assert lines[1] == "abc  nnnnnnnnnnnn...  1%     1"


def test_cell_that_is_not_printable_is_made_so() -> None:
    """A terminal would obey it."""
    assert Columns(("NAME",), (0,), 0).lines([("a\x1b[2Jb",)], 80)[1] == "a\\x1b[2Jb"


@pytest.mark.parametrize(("text", "width", "cut_off"), [("abcd", 4, "abcd"), ("abcde", 4, "a..."), ("abcde", 2, "..")])
def test_cut_shows_that_something_is_missing(text: str, width: int, cut_off: str) -> None:
    """By three dots, as far as there is room for them."""
    assert cut(text, width) == cut_off


@pytest.mark.parametrize(
    ("rows", "lines", "room"), [(0, 24, 0), (23, 24, 23), (24, 24, 22), (100, 24, 22), (5, 3, 1), (5, 2, 0), (5, 1, 0)]
)
def test_room_is_what_heading_and_footer_leave(rows: int, lines: int, room: int) -> None:
    """The line that tells of the rest is there only where there is a rest."""
    assert room_for(rows, lines) == room
