"""Columns of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl.ui.table import aligned, write_table

if TYPE_CHECKING:
    import pytest


def test_write_table_is_podmans(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are at least 12 wide with their gap of 2, as wide as their widest cell, and the last has no blanks."""
    write_table(
        ("CONTAINER ID", "IMAGE", "PORTS", "NAMES"),
        [("29cf50ac0321", "localhost/tiny:latest", "", "one"), ("5248d330d4f6", "x", "", "a-longer-name")],
    )

    assert capsys.readouterr().out == (
        "CONTAINER ID  IMAGE                  PORTS       NAMES\n"
        "29cf50ac0321  localhost/tiny:latest              one\n"
        "5248d330d4f6  x                                  a-longer-name\n"
    )


def test_write_table_without_heading_begins_with_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Headings that are not shown make no column wider either."""
    write_table(("A HEADING THAT IS LONG", "B"), [("a", "b")], heading=False)

    assert capsys.readouterr().out == "a           b\n"


def test_write_table_without_rows_is_the_heading(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to list is a heading, and with no heading nothing."""
    write_table(("A", "B"), [])
    write_table(("A", "B"), [], heading=False)

    assert capsys.readouterr().out == "A           B\n"


def test_aligned_shows_what_would_break_the_table() -> None:
    """A cell stays one cell of one line, whatever it holds, and is as wide as it is shown."""
    assert aligned([("a\n\x1b[2Jb-----------", "c"), ("d", "e%s")]) == (
        "a\\n\\x1b[2Jb-----------  c\nd                       e%s\n"
    )


def test_aligned_takes_rows_of_any_length() -> None:
    """A row that ends early ends its line, and one without cells is an empty line."""
    assert aligned([("a", "b", "c"), ("d",), (), ("e", "f")]) == ("a           b           c\nd\n\ne           f\n")
